"""Fetchers for tests: small limits, loopback allowed, names written by hand."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from gateway.fetching.addresses import parse_networks
from gateway.fetching.fetcher import FetchLimits, ImageFetcher
from gateway.problems import Problem
from tests.gateway.names import Names

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
