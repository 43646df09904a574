"""The edge of the admin port: who may call, and the gateway's problems as errors of the mesh."""

import hmac
from typing import Any, Final, cast

import grpc
from pydantic import SecretStr

from gateway.database.engine import DatabaseUnavailable
from gateway.problems import Problem
from servicekit.errors import (
    DeadlineExceeded,
    InvalidRequest,
    MeshError,
    NotFound,
    Overloaded,
    Unauthenticated,
    Unavailable,
)
from servicekit.interceptors import Context, Handler, HandlerWrapper, MethodHandler
from servicekit.logs import get_logger

_ERROR_OF_STATUS: Final[dict[int, type[MeshError]]] = {
    400: InvalidRequest,
    404: NotFound,
    429: Overloaded,
    503: Unavailable,
    504: DeadlineExceeded,
}

_log = get_logger("admin")


class AdminEdge(HandlerWrapper):
    """Wrap every unary RPC but those of health and reflection, which probes ask without a token.

    Args:
        token: what a caller must send as `authorization: Bearer TOKEN`.
    """

    def __init__(self, token: SecretStr) -> None:
        self._token = token.get_secret_value().encode()

    # Any: as in `Handler`.
    def wrap(
        self,
        handler: "grpc.RpcMethodHandler[Any, Any]",
        path: str,  # noqa: ARG002 - all are wrapped alike
    ) -> MethodHandler:
        """Return a handler with the edge around it."""
        # The stubs know only synchronous handlers; a grpc.aio server has coroutines here. There is
        # no other kind: a stream would fail here rather than pass without a token.
        inner = cast("Handler", handler.unary_unary)

        async def outer(request: Any, context: Context) -> Any:  # Any: see Handler
            self._check(context)
            try:
                return await inner(request, context)
            except Problem as problem:
                raise _error(problem) from problem

        return grpc.unary_unary_rpc_method_handler(
            outer,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _check(self, context: Context) -> None:
        for key, value in context.invocation_metadata() or ():
            if key == "authorization" and isinstance(value, str):
                scheme, _, token = value.partition(" ")
                is_right = hmac.compare_digest(token.encode(), self._token)
                if scheme.lower() == "bearer" and is_right:
                    return
        raise Unauthenticated(
            "send the metadata 'authorization: Bearer TOKEN' with GATEWAY_ADMIN_TOKEN"
        )


def _error(problem: Problem) -> MeshError:
    if isinstance(problem, DatabaseUnavailable):
        _log.warning("database away", reason=problem.reason)
    return _ERROR_OF_STATUS.get(problem.status, MeshError)(str(problem))
