"""Authorization of RPCs that do not pass the REST API, by an API key or a certificate.

Envoy's ext_authz filter asks over HTTP. The request is the RPC's own without its body; the answer
200 names the caller, and any other is the caller's answer, its text the message of the status. See
docs/adr/0012.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import ApiKey, KeyStore, authorize
from gateway.accounts.rates import RateLimits
from gateway.backends import COLORIZE, OCR, VISION
from gateway.database.engine import DatabaseUnavailable
from gateway.endpoint_table import HANDLERS
from gateway.input.credentials import sent_key
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from servicekit.callers import CALLER_KEY, caller_digest
from servicekit.logs import get_logger

# The endpoint whose scope an RPC needs; None where a good key is enough. A test holds it complete.
ENDPOINT_OF_RPC: Final[dict[str, str | None]] = {
    **{rpc: name for name, handler in HANDLERS.items() for rpc in handler.rpcs},
    **{f"/{service}/ListModels": None for service in (COLORIZE, OCR, VISION)},
    f"/{OCR}/ListLanguages": None,
}

CLIENT_ID_HEADER: Final = "x-client-id"  # set by Envoy from the certificate, whatever was sent

_DRAIN_S = 2.0  # as long as Envoy waits for an answer

_log = get_logger("authz")


@dataclass(frozen=True, slots=True)
class Question:
    """Description of an RPC by Envoy."""

    path: str  # of the RPC, such as "/imagemesh.vision.v1.VisionService/Classify"
    api_key: str  # that the caller sent; empty for none
    client_id: str  # URI of the certificate that Envoy has verified; empty for none


@dataclass(frozen=True, slots=True)
class Admitted:
    """The caller of an RPC that may go on, and the fields that tell what its rate limits leave."""

    caller: str
    headers: dict[str, str]


class Authorizer:
    """Decides on RPCs.

    Args:
        settings: which endpoints are off, and which certificates may call.
        keys: authenticate callers.
        rates: count their RPCs.
        accounts: know which of them are metered.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        keys: KeyStore,
        rates: RateLimits,
        accounts: AccountStore,
    ) -> None:
        self._off = settings.endpoints_off
        self._clients = settings.authz_clients
        self._keys = keys
        self._rates = rates
        self._accounts = accounts

    async def decide(self, question: Question) -> Admitted:
        """Return the caller, where it may make the RPC.

        A certificate stands for an internal caller, which has all endpoints and no rate limit; a
        key that is sent beside it must be good all the same.

        Raises:
            Problem: 401, 403, 404, 429 or 503.
        """
        if not question.api_key and not question.client_id:
            message = (
                "send an API key in the metadata x-api-key or as authorization: Bearer, "
                "or call with a client certificate"
            )
            raise Problem(401, "missing_api_key", message)
        if question.path not in ENDPOINT_OF_RPC:
            raise Problem(404, "not_found", "there is no such RPC")
        key = await self._authenticate(question)
        endpoint = ENDPOINT_OF_RPC[question.path]
        if endpoint is not None:
            authorize(key, endpoint, off=self._off)
        if key is None:
            return Admitted(question.client_id, {})
        # Envoy cannot say how an RPC ended, so none could be refunded.
        if await self._accounts.is_metered(key.account):
            message = "this account pays with credits, which only the REST API charges; ask there"
            raise Problem(403, "metered_account", message)
        return Admitted(key.account, await self._rates.check(key))

    async def _authenticate(self, question: Question) -> ApiKey | None:
        """Return the key of a caller, None for a certificate that may call."""
        if question.api_key:
            return await self._keys.check(question.api_key)
        # Whoever signs certificates of callers also signs those of servers. An X.509-SVID has one
        # URI; Envoy puts a comma between several.
        is_known = bool(self._clients) and question.client_id.startswith(self._clients)
        if not is_known or "," in question.client_id:
            message = (
                "the SPIFFE id of the certificate may not call; use one that may, or send a key"
            )
            raise Problem(403, "unknown_client", message)
        return None


@asynccontextmanager
async def serving_authz(settings: GatewaySettings, authorizer: Authorizer) -> AsyncIterator[None]:
    """Answer Envoy while the context is open, where the settings switch it on."""
    if settings.authz_port == 0:
        yield
        return

    async def answer(request: web.Request) -> web.Response:
        return await _answer(authorizer, request)

    app = web.Application()
    app.router.add_route("*", "/{rpc:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.authz_host, settings.authz_port).start()
        _log.info("authorization port open", port=settings.authz_port)
        yield
    finally:
        await runner.cleanup()


async def _answer(authorizer: Authorizer, request: web.Request) -> web.Response:
    question = Question(
        request.path,
        api_key=sent_key(request.headers),
        client_id=request.headers.get(CLIENT_ID_HEADER, ""),
    )
    try:
        admitted = await authorizer.decide(question)
    except Problem as problem:
        if isinstance(problem, DatabaseUnavailable):
            _log.warning("database away", reason=problem.reason)
        return web.Response(status=problem.status, text=str(problem), headers=problem.headers)
    headers = {**admitted.headers, CALLER_KEY: caller_digest(admitted.caller)}
    return web.Response(headers=headers)
