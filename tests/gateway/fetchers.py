"""Fetchers for tests: small limits, loopback allowed, names written by hand."""

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.fetching.addresses import parse_networks
from gateway.fetching.fetcher import FetchLimits, ImageFetcher
from gateway.problems import Problem


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


SMALL = FetchLimits(max_bytes=4096, total_s=5.0)


@asynccontextmanager
async def fetching(
    limits: FetchLimits = SMALL,
    *,
    allow: str = "127.0.0.0/8",
    names: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> AsyncIterator[ImageFetcher]:
    """Open a fetcher that looks names up in `names` alone."""
    fetcher = ImageFetcher(limits, allow=parse_networks(allow), resolver=Names(names))
    yield fetcher
    await fetcher.close()


async def refusal(fetcher: ImageFetcher, url: str) -> Problem:
    """Return the problem that the fetch ends with."""
    with pytest.raises(Problem) as caught:
        await fetcher.fetch(url, timeout_s=5.0)
    return caught.value
