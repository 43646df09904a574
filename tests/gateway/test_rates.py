"""Rate limits: who is refused, what the answer says, and what happens without Redis.

Windows of a day: none ends while a test runs.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from gateway.accounts.keys import ApiKey
from gateway.accounts.rates import MEMORY, RateLimits, parse_rates
from gateway.database.clock import utc_now
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from tests.gateway.running import Start
from tests.gateway.servers import Server, redis


def api_key(name: str, account: str = "ada") -> ApiKey:
    return ApiKey(name, account, utc_now(), None, None, None, None)


@asynccontextmanager
async def opened(key: str = "", account: str = "", url: str = MEMORY) -> AsyncIterator[RateLimits]:
    rates = RateLimits(per_key=parse_rates(key), per_account=parse_rates(account), url=url)
    try:
        yield rates
    finally:
        await rates.close()


async def codes(rates: RateLimits, *keys: ApiKey) -> list[str]:
    return [await code(rates, key) for key in keys]


async def code(rates: RateLimits, key: ApiKey) -> str:
    try:
        await rates.check(key)
    except Problem as problem:
        return problem.code
    return "ok"


@pytest.fixture(params=["memory", "redis"])
def url(request: pytest.FixtureRequest) -> str:
    return MEMORY if request.param == "memory" else str(request.getfixturevalue("redis_url"))


@pytest.fixture
def redis_server() -> Iterator[Server]:
    with redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    return redis_server.url


async def test_each_key_has_its_own_limit(url: str) -> None:
    async with opened(key="2/day", url=url) as rates:
        one, two = api_key("1"), api_key("2")

        assert await codes(rates, one, one, one, two) == ["ok", "ok", "rate_limited", "ok"]


async def test_keys_of_an_account_share_its_limit(url: str) -> None:
    async with opened(account="2/day", url=url) as rates:
        asked = [api_key("1"), api_key("2"), api_key("3"), api_key("4", account="bob")]

        assert await codes(rates, *asked) == ["ok", "ok", "rate_limited", "ok"]


async def test_smallest_of_several_limits_counts(url: str) -> None:
    async with opened(key="100/day; 1/year", url=url) as rates:
        assert await codes(rates, *[api_key("1")] * 2) == ["ok", "rate_limited"]


async def test_fields_tell_what_is_left(url: str) -> None:
    async with opened(key="3/day", account="5/day", url=url) as rates:
        await rates.check(api_key("1"))
        fields = await rates.check(api_key("1"))

    policy = '"key-86400s";q=3;w=86400, "account-86400s";q=5;w=86400'
    assert fields.keys() == {"RateLimit-Policy", "RateLimit"}
    assert fields["RateLimit-Policy"] == policy
    left = r'"key-86400s";r=1;t=(\d+), "account-86400s";r=3;t=(\d+)'
    found = re.fullmatch(left, fields["RateLimit"])
    assert found is not None
    assert all(1 <= int(seconds) <= 86400 for seconds in found.groups())


async def test_refusal_says_what_is_too_much_and_when_to_come_back(url: str) -> None:
    async with opened(key="1/day", url=url) as rates:
        await rates.check(api_key("1"))
        with pytest.raises(Problem) as caught:
            await rates.check(api_key("1"))

    wait_s = int(caught.value.headers["Retry-After"])
    assert caught.value.status == 429
    assert 1 <= wait_s <= 86400
    told = f"more than 1 per 1 day for this key; try again in {wait_s} s"
    assert str(caught.value) == told
    assert caught.value.headers["RateLimit"] == f'"key-86400s";r=0;t={wait_s}'


async def test_replicas_share_the_count_in_redis(redis_url: str) -> None:
    async with opened(key="2/day", url=redis_url) as one, opened(key="2/day", url=redis_url) as two:
        key = api_key("1")

        assert [await code(rates, key) for rates in (one, two, one)] == ["ok", "ok", "rate_limited"]


async def test_without_redis_it_is_503_until_redis_is_back(
    redis_server: Server, redis_url: str
) -> None:
    async with opened(key="9/day", url=redis_url) as rates:
        before = await code(rates, api_key("1"))
        redis_server.stop()
        without = await codes(rates, *[api_key("1")] * 2)
        redis_server.start()
        after = await code(rates, api_key("1"))

    assert (before, without, after) == ("ok", ["unavailable"] * 2, "ok")


async def test_fields_are_on_every_answer_after_the_key(start: Start) -> None:
    async with start(rate_limit="3/day") as gateway:
        good = await gateway.get("/api/v1/languages")
        bad = await gateway.post("ocr", b"{")
        no_key = await gateway.send("GET", "/api/v1/languages")
        page = await gateway.get("/openapi.json")
        await gateway.get("/api/v1/usage")
        refused = await gateway.post("ocr", b"{")

    assert [reply.headers["RateLimit"].split(";")[1] for reply in (good, bad)] == ["r=2", "r=1"]
    assert "RateLimit" not in no_key.headers
    assert "RateLimit" not in page.headers
    assert refused.refusal == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) > 1
    assert refused.headers.getall("RateLimit-Policy") == ['"key-86400s";q=3;w=86400']


async def test_default_limit_is_for_loops_that_run_away(start: Start) -> None:
    usual = GatewaySettings.model_fields["rate_limit"].default
    async with start(rate_limit=usual) as gateway:
        reply = await gateway.get("/api/v1/languages")

    assert reply.headers["RateLimit-Policy"] == '"key-1s";q=300;w=1'
