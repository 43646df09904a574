"""Service that answers with the metadata of its caller."""

import json
from typing import Any

import grpc

from servicekit.server import Service

NAME = "imagemesh.vision.v1.VisionService"
METHOD = "ListModels"  # any good caller may ask for it


def telltale(replica: str = "") -> Service:
    """Return the vision service, with one RPC: its answer is its metadata as JSON.

    Args:
        replica: what it calls itself in the answer.
    """

    async def tell(_: bytes, context: Any) -> bytes:  # Any: a context of bytes
        return json.dumps({**dict(context.invocation_metadata()), "replica": replica}).encode()

    def register(server: grpc.aio.Server) -> None:
        # Any: the stubs know only synchronous handlers.
        handler: Any = grpc.unary_unary_rpc_method_handler(tell)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(NAME, {METHOD: handler}),)
        )

    return Service(NAME, register, _load, lambda: None)


async def _load() -> None:
    """Nothing is loaded."""
