"""The port of Envoy's ext_authz filter over HTTP.

The request is the RPC's own without its body; the answer 200 names the caller, and any other is the
caller's answer, its text the message of the status. See docs/adr/0012.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from gateway.authz.decisions import Authorizer, Question
from gateway.database.engine import DatabaseUnavailable
from gateway.input.credentials import sent_key
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from servicekit.callers import CALLER_KEY, caller_digest
from servicekit.logs import get_logger

CLIENT_ID_HEADER: Final = "x-client-id"  # set by Envoy from the certificate, whatever was sent

_DRAIN_S = 2.0  # as long as Envoy waits for an answer

_log = get_logger("authz")


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
