"""Callers of RPCs, as a real server sees them."""

from typing import Any

import grpc
import pytest

from servicekit.callers import CALLER_KEY, caller_digest, caller_of


async def tell(_: bytes, context: Any) -> bytes:  # Any: a context of bytes
    return caller_of(context).encode()


@pytest.mark.parametrize(
    ("metadata", "caller"),
    [
        ((), "ipv4:127.0.0.1"),
        (((CALLER_KEY, "account-7"),), "account-7"),
        (((CALLER_KEY, "x" * 99),), "x" * 64),
    ],
)
async def test_caller_is_the_account_or_else_the_machine(
    metadata: tuple[tuple[str, str], ...], caller: str
) -> None:
    # Any: the stubs know only synchronous handlers.
    handler: Any = grpc.unary_unary_rpc_method_handler(tell)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", {"Tell": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            ask: Any = channel.unary_unary("/s/Tell")  # Any: bytes in, bytes out
            answers = {await ask(b"", metadata=metadata) for _ in range(2)}
    finally:
        await server.stop(None)

    assert answers == {caller.encode()}


def test_digest_is_short_ascii_and_differs_by_caller() -> None:
    digests = {caller_digest(name) for name in ("Müller", "Mueller", "spiffe://mesh/callers/a")}

    assert {len(digest) for digest in digests} == {16}
    assert len(digests) == 3
    assert all(digest.isascii() for digest in digests)
