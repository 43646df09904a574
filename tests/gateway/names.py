"""A name server for tests: a resolver of aiohttp's interface with answers written by hand."""

import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult


class Names(AbstractResolver):
    """Answers each name with the next of its answers, the last one from then on.

    Args:
        answers: name to its successive answers, each a list of addresses.
    """

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]] | None = None) -> None:
        self._answers = {name: list(turns) for name, turns in (answers or {}).items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name; an unknown one is an error, as with a real resolver."""
        self.asked.append(host)
        turns = self._answers.get(host)
        if turns is None:
            raise OSError(socket.EAI_NONAME, "no such name")
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        results = [_result(host, address, port) for address in addresses]
        return [result for result in results if family in (socket.AF_UNSPEC, result["family"])]

    async def close(self) -> None:
        """Nothing is held."""


def _result(name: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    return ResolveResult(
        hostname=name, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
    )
