"""The order of checks: key, scope, rate, size, JSON, fields, fetch, credits, call, settle."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UnsetType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.accounts.idempotency import Keep, fingerprint_of, order_of
from gateway.accounts.keys import ApiKey
from gateway.accounts.scopes import endpoint_name
from gateway.input.bodies import BodyReader, UploadMemory
from gateway.input.inputs import Input, read_input, read_object
from gateway.jobs.answers import job_answer
from gateway.jobs.runner import JobOrder, RunningJob
from gateway.mesh import Mesh
from gateway.problems import Problem
from gateway.requests.admission import admit
from gateway.requests.batch import Batch, Item, parse_batch
from gateway.requests.endpoints import ENDPOINTS, Endpoint
from gateway.requests.working import Caller, Workshop
from gateway.responses import json_response

BATCH_PATH: Final = "/api/v1/batch"

# Most answers are there before: nobody need watch for a caller that hangs up meanwhile.
_WATCH_AFTER_S = 0.05

T = TypeVar("T")


class Gate:
    """Lets requests through to the workshop, when they are good."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._workshop = Workshop(mesh)
        self._bodies = BodyReader(
            UploadMemory(mesh.settings.upload_memory_mib * 2**20),
            timeout_s=mesh.settings.body_timeout_s,
        )
        self._endpoints = {endpoint_name(endpoint.path): endpoint for endpoint in ENDPOINTS}

    async def post(self, endpoint: Endpoint, request: Request) -> Response:
        """Answer a POST to `endpoint`.

        Raises:
            Problem: any answer but 200 and 202.
        """
        deadline_s = self._workshop.deadline_s()
        caller = await self._caller(request, scope=endpoint.path)
        given = await read_input(self._bodies, request, endpoint.request)
        webhook = self._webhook(request, given.request)
        task = caller.task(given, deadline_s=deadline_s)
        return await self._once(
            request,
            caller,
            now=partial(self._workshop.answer, endpoint, task),
            later=lambda: self._order(
                caller,
                [given],
                endpoints=[endpoint_name(endpoint.path)],
                webhook=webhook,
                work=lambda job: self._workshop.answer_late(endpoint, task, job),
            ),
            fingerprint=self._fingerprint(
                request, caller.key, lambda: msgspec.json.encode(given.request), task.image
            ),
        )

    async def batch(self, request: Request) -> Response:
        """Answer a POST to /api/v1/batch.

        Raises:
            Problem: any answer but 200 and 202.
        """
        deadline_s = self._workshop.deadline_s()
        caller = await self._caller(request)
        batch, fingerprint = await self._read_batch(request, caller.key)
        webhook = self._webhook(request, batch)
        return await self._once(
            request,
            caller,
            now=partial(
                self._workshop.answer_batch,
                caller,
                batch,
                deadline_s,
                order=order_of(
                    caller.key.account, request.headers.get("idempotency-key"), fingerprint
                ),
            ),
            later=lambda: self._order(
                caller,
                [item.given for item in batch.items if isinstance(item, Item)],
                total=len(batch.items),
                endpoints=[
                    endpoint_name(item.endpoint.path)
                    for item in batch.items
                    if isinstance(item, Item)
                ],
                webhook=webhook,
                work=lambda job: self._workshop.answer_batch_late(caller, batch, job),
            ),
            fingerprint=fingerprint,
        )

    async def _read_batch(self, request: Request, key: ApiKey) -> tuple[Batch, str]:
        # The fields hold the text of every picture: they must not outlive this.
        values = await read_object(self._bodies, request)
        batch = parse_batch(values, self._endpoints)
        return batch, self._fingerprint(request, key, lambda: msgspec.json.encode(values))

    async def _caller(self, request: Request, *, scope: str | None = None) -> Caller:
        key = await admit(self._mesh, request, scope=scope)
        base_url = self._mesh.settings.public_url.rstrip("/") or _base_url(request)
        return Caller(key, request.state.request_id, base_url)

    def _webhook(self, request: Request, given: Any) -> str | None:  # Any: all have a webhook
        if isinstance(given.webhook, UnsetType):
            return None
        if not self._is_async(request):
            message = (
                "parameter 'webhook': this gateway keeps nothing, so it has no jobs; leave it out"
                if self._mesh.settings.zero_retention
                else "parameter 'webhook': needs the header 'Prefer: respond-async'"
            )
            raise Problem(400, "invalid_parameter", message)
        self._mesh.webhooks.check(given.webhook)
        return str(given.webhook)

    def _is_async(self, request: Request) -> bool:
        # A preference may be left aside (RFC 7240), and what keeps nothing has no jobs.
        if self._mesh.settings.zero_retention:
            return False
        words = ",".join(request.headers.getlist("prefer")).split(",")
        return any(word.partition(";")[0].strip().lower() == "respond-async" for word in words)

    def _order(
        self,
        caller: Caller,
        inputs: Sequence[Input[Any]],  # Any: requests of any endpoint
        *,
        total: int = 1,
        endpoints: Sequence[str],
        webhook: str | None,
        work: Callable[[RunningJob], Awaitable[object]],
    ) -> JobOrder:
        return JobOrder(
            caller.key.account,
            caller.request_id,
            total=total,
            held_bytes=sum(len(given.image.content) for given in inputs if given.image),
            webhook=webhook,
            work=work,
            endpoints=endpoints,
        )

    async def _once(
        self,
        request: Request,
        caller: Caller,
        *,
        now: Callable[[Keep], Awaitable[Response]],
        later: Callable[[], JobOrder],
        fingerprint: str,
    ) -> Response:
        """Answer now or later, and a repeated request as it was answered before."""
        answer = self._mesh.idempotent.once(
            caller.key.account,
            key=request.headers.get("idempotency-key"),
            fingerprint=fingerprint,
            work=partial(self._defer, later()) if self._is_async(request) else now,
        )
        return await _while_connected(request, answer)

    def _fingerprint(
        self, request: Request, key: ApiKey, fields: Callable[[], bytes], image: bytes = b""
    ) -> str:
        """Return what an Idempotency-Key stands for; empty without one, for it takes time."""
        if "idempotency-key" not in request.headers:
            return ""
        if self._mesh.settings.zero_retention:
            message = "this gateway keeps nothing, so it knows no request again; leave the key out"
            raise Problem(400, "invalid_idempotency_key", message)
        path = f"{request.url.path}{' later' if self._is_async(request) else ''}"
        return fingerprint_of(path, fields(), image, scopes=key.scopes)

    async def _defer(self, order: JobOrder, keep: Keep) -> Response:
        record = await self._mesh.jobs.submit(order)
        answer = job_answer(record)
        headers = {"Location": answer.result.url, "Preference-Applied": "respond-async"}
        response = json_response(answer, status=202, headers=headers)
        try:
            await keep(response)
        except BaseException:
            await self._mesh.jobs.cancel(record.id, account=order.account)
            raise
        return response


def _base_url(request: Request) -> str:
    """Return what the caller's address of the gateway begins with, without a slash at the end."""
    scope = request.scope
    host = request.headers.get("host")
    return _url_of(scope["scheme"], host, scope["server"], scope.get("app_root_path", ""))


@lru_cache(maxsize=64)  # few hosts, asked again and again: a URL takes longer than a key
def _url_of(scheme: str, host: str | None, server: tuple[str, int], root_path: str) -> str:
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    scope = {"type": "http", "scheme": scheme, "server": server, "headers": headers}
    return str(Request({**scope, "app_root_path": root_path}).base_url)[:-1]


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; cancel it when the caller hangs up.

    Raises:
        ClientDisconnect: nobody waits for the answer any more.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that runs is in a task
    watch = _Watch(request, task)
    timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, watch.begin)
    try:
        # What the work holds (an RPC, a charge) it gives back before the request counts as over.
        return await work
    except asyncio.CancelledError:
        if not watch.has_cancelled or task.uncancel() > 0:
            raise
        raise ClientDisconnect from None
    finally:
        timer.cancel()
        watch.end()


class _Watch:
    """Cancels a task when its caller hangs up.

    Args:
        request: its body has been read, so its next message can only say that the caller is gone.
        task: works for the caller.
    """

    def __init__(self, request: Request, task: "asyncio.Task[Any]") -> None:
        self._request = request
        self._task = task
        self._gone: asyncio.Future[Any] | None = None
        self.has_cancelled = False

    def begin(self) -> None:
        """Watch from now on."""
        self._gone = asyncio.ensure_future(self._request.receive())
        self._gone.add_done_callback(self._hang_up)

    def end(self) -> None:
        """Leave the task alone from now on."""
        if self._gone is not None:
            self._gone.remove_done_callback(self._hang_up)
            self._gone.cancel()
            self._gone = None

    def _hang_up(self, gone: "asyncio.Future[Any]") -> None:
        if gone is self._gone:  # else the work ended a moment before
            self.has_cancelled = True
            self._task.cancel()
