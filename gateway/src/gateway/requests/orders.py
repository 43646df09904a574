"""Orders: what one POST asks for, once its body is good, with the headers that say how."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

import msgspec
from attrs import define
from msgspec import UnsetType
from starlette.requests import Request
from yarl import URL

from gateway.accounts.idempotency import fingerprint_of, order_of
from gateway.accounts.keys import ApiKey
from gateway.jobs.records import hold_of
from gateway.jobs.webhooks import Webhooks
from gateway.problems import Problem
from gateway.requests.batch import Item
from gateway.settings import GatewaySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Work that one POST asks for."""

    key: ApiKey
    request_id: str
    base_url: str  # what the URLs of hosted files begin with, without a slash at the end
    items: Sequence[Item | Problem]  # one, or those of a batch
    is_batch: bool  # the answer is that of a batch
    is_async: bool  # the answer is a job
    webhook: str | None  # where the job is sent when it has ended
    idempotency_key: str | None
    fingerprint: str  # of the request, for its Idempotency-Key
    deadline_s: float  # when the answer is due, on the monotonic clock; not used for a job
    job: str | None = None  # that is worked on, None for a request
    traceparent: str | None = None  # lets the trace of the request go on in that of its job

    def endpoints(self) -> list[str | None]:
        """Return the name of the endpoint that each item asks, None for one that is not good."""
        return [
            item.handler.endpoint.name if isinstance(item, Item) else None for item in self.items
        ]

    def charged_once(self, number: int) -> str | None:
        """Return what names an item in this order and its repetitions; None where each is charged.

        A job is not repeated, and a single answer is kept whole by its Idempotency-Key.
        """
        if not self.is_batch or self.is_async:
            return None
        order = order_of(self.key.account, self.idempotency_key, self.fingerprint)
        return None if order is None else f"{order}:{number}"

    def hold(self, number: int) -> str | None:
        """Return the id of the hold of a job's item, None where a new one is made."""
        return None if self.job is None else hold_of(self.job, number)


@define(eq=False)
class OrderReader:
    """Makes orders of requests."""

    _settings: GatewaySettings
    _webhooks: Webhooks

    def read(
        self,
        request: Request,
        key: ApiKey,
        items: Sequence[Item | Problem],
        *,
        fields: object,
        webhook: str | UnsetType,
        deadline_s: float,
        is_batch: bool = False,
    ) -> Order:
        """Return the order of a request.

        Raises:
            Problem: 400, a header or the webhook is not good.
        """
        is_async = self._is_async(request)
        return Order(
            key=key,
            request_id=request.state.request_id,
            base_url=self._base_url(request),
            items=items,
            is_batch=is_batch,
            is_async=is_async,
            webhook=self._check_webhook(webhook, is_async=is_async),
            idempotency_key=request.headers.get("idempotency-key"),
            fingerprint=self._fingerprint(
                request, key, fields, [] if is_batch else items, is_async=is_async
            ),
            deadline_s=deadline_s,
        )

    def _is_async(self, request: Request) -> bool:
        # A preference may be ignored (RFC 7240); zero-retention mode has no jobs.
        if self._settings.zero_retention:
            return False
        words = ",".join(request.headers.getlist("prefer")).split(",")
        return any(word.partition(";")[0].strip().lower() == "respond-async" for word in words)

    def _check_webhook(self, webhook: str | UnsetType, *, is_async: bool) -> str | None:
        if isinstance(webhook, UnsetType):
            return None
        if not is_async:
            message = (
                "parameter 'webhook': this gateway keeps nothing, so it has no jobs; leave it out"
                if self._settings.zero_retention
                else "parameter 'webhook': needs the header 'Prefer: respond-async'"
            )
            raise Problem(400, "invalid_parameter", message)
        self._webhooks.check(webhook)
        return webhook

    def _fingerprint(
        self,
        request: Request,
        key: ApiKey,
        fields: object,
        items: Sequence[Item | Problem],
        *,
        is_async: bool,
    ) -> str:
        """Return the fingerprint of a request; empty without a key for it, for it takes time."""
        if "idempotency-key" not in request.headers:
            return ""
        if self._settings.zero_retention:
            message = "this gateway keeps nothing, so it knows no request again; leave the key out"
            raise Problem(400, "invalid_idempotency_key", message)
        path = f"{request.url.path}{' later' if is_async else ''}"
        images = [
            item.given.image.content
            for item in items
            if isinstance(item, Item) and item.given.image
        ]
        policy = [] if key.policy is None else [key.policy.encode()]  # it changes the answer too
        parts = (msgspec.json.encode(fields), *images, *policy)
        return fingerprint_of(path, *parts, scopes=key.scopes)

    def _base_url(self, request: Request) -> str:
        """Return what URLs of hosted files begin with, without a slash at the end.

        A name that nobody allowed is not echoed: the address of the socket takes its place.
        """
        if self._settings.public_url:
            return self._settings.public_url.rstrip("/")
        scope = request.scope
        host = request.headers.get("host")
        if host is not None and not _is_allowed(host, self._settings.allowed_hosts):
            host = None
        return _url_of(scope["scheme"], host, scope["server"], scope.get("app_root_path", ""))


def _is_allowed(host: str, allowed_hosts: Sequence[str]) -> bool:
    try:
        name = URL.build(scheme="http", authority=host).host or ""
        return name == "localhost" or name in allowed_hosts or bool(ip_address(name))
    except ValueError:
        return False


@lru_cache(maxsize=64)  # few hosts, asked again and again: a URL takes longer than a key
def _url_of(scheme: str, host: str | None, server: tuple[str, int], root_path: str) -> str:
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    scope = {"type": "http", "scheme": scheme, "server": server, "headers": headers}
    return str(Request({**scope, "app_root_path": root_path}).base_url)[:-1]
