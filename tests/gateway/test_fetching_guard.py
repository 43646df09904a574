"""No hostile URL, redirect or name reaches a forbidden address.

The forbidden address is 127.0.0.1, where a real listener counts; the exempt one is 127.0.0.2.
"""

import pytest

from gateway.fetching.fetcher import ImageFetcher
from tests.gateway.fetchers import SMALL, fetching, refusal
from tests.gateway.origin import image_answer, listening, redirect

# {port} is the forbidden listener's.
FORBIDDEN_URLS = [
    *"""
http://127.0.0.1:{port}/ http://127.0.0.1/ https://127.0.0.1:{port}/ http://[::1]:{port}/
http://[0:0:0:0:0:0:0:1]/ http://[::]:{port}/ http://0.0.0.0:{port}/
http://[::ffff:127.0.0.1]:{port}/ http://[::ffff:7f00:1]:{port}/ http://[::127.0.0.1]:{port}/
http://[::ffff:0:127.0.0.1]:{port}/ http://[64:ff9b::127.0.0.1]:{port}/
http://[64:ff9b::7f00:1]/ http://[64:ff9b::a9fe:a9fe]/ http://[64:ff9b:1::127.0.0.1]/
http://[2002:7f00:1::]/ http://[fe80::1]/ http://[fec0::1]/
http://[fd00:ec2::254]/latest/meta-data/ http://[ff02::1]/
http://169.254.169.254/latest/meta-data/ http://169.254.170.2/ http://100.100.100.200/
http://168.63.129.16/ http://192.0.0.192/ http://10.0.0.1/ http://172.16.0.1/
http://192.168.1.1/ http://255.255.255.255/ http://224.0.0.1/ http://localhost:{port}/
http://LOCALHOST.:{port}/ http://loopback.test:{port}/ http://mapped.test:{port}/
http://mixed.test:{port}/ http://mixed-last.test:{port}/ http://metadata.test/
""".split(),
    "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{port}/",
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460:{port}/",
    "http://127\u30020\u30020\u30021:{port}/",
]
BROKEN_URLS = [
    *"""
http://2130706433:{port}/ http://0x7f000001:{port}/ http://0x7f.0x0.0x0.0x1:{port}/
http://017700000001:{port}/ http://0177.0.0.1:{port}/ http://127.1:{port}/
http://127.0.1:{port}/ http://0:{port}/ http://127.0.0.1.:{port}/ http://%31%32%37.0.0.1:{port}/
http://[::1%25lo]:{port}/ http://127.0.0.2@127.0.0.1:{port}/
http://127.0.0.2:80@127.0.0.1:{port}/ http://127.0.0.2%40127.0.0.1:{port}/
http:127.0.0.1:{port}/ http:///127.0.0.1:{port}/ //127.0.0.1:{port}/ ftp://127.0.0.1:{port}/
gopher://127.0.0.1:{port}/_GET file:///etc/passwd http://public.test:{port}/
http://8.8.8.8:{port}/
""".split(),
    "http://127.0.0.2\\@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@127.0.0.2/",
    "http:\\\\127.0.0.1:{port}/",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/\r\nX: y",
    "http://127.0.0.1\t:{port}/",
]
HOSTILE_NAMES = {
    "localhost": [["127.0.0.1", "::1"]],
    "localhost.": [["127.0.0.1"]],
    "loopback.test": [["127.0.0.1"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "mixed.test": [["127.0.0.1", "127.0.0.2"]],
    "mixed-last.test": [["127.0.0.2", "127.0.0.1"]],
    "metadata.test": [["169.254.169.254"]],
    "public.test": [["8.8.8.8"]],
}


@pytest.mark.parametrize(
    ("code", "url"),
    [("forbidden_url", url) for url in FORBIDDEN_URLS]
    + [("invalid_url", url) for url in BROKEN_URLS],
)
async def test_hostile_url_reaches_nothing(code: str, url: str) -> None:
    async with listening(image_answer()) as forbidden:
        async with fetching(allow="127.0.0.2/32", names=HOSTILE_NAMES) as fetcher:
            problem = await refusal(fetcher, url.replace("{port}", str(forbidden.port)))

        assert await forbidden.count_connections() == 0
    assert (problem.status, problem.code) == (400, code)
    assert "127.0.0" not in str(problem)


async def test_name_with_a_forbidden_address_is_not_dialled_at_its_good_one() -> None:
    async with listening(image_answer()) as forbidden:
        async with listening(image_answer(), host="127.0.0.2", port=forbidden.port) as good:
            async with fetching(allow="127.0.0.2/32", names=HOSTILE_NAMES) as fetcher:
                await refusal(fetcher, f"http://mixed-last.test:{good.port}/")

            assert await good.count_connections() == 0
        assert await forbidden.count_connections() == 0


@pytest.mark.parametrize(
    ("code", "location"),
    [
        ("forbidden_url", "http://127.0.0.1:{port}/"),
        ("forbidden_url", "//127.0.0.1:{port}/"),
        ("forbidden_url", "http://[::ffff:127.0.0.1]:{port}/"),
        ("forbidden_url", "http://169.254.169.254/latest/meta-data/"),
        ("forbidden_url", "http://localhost:{port}/"),
        ("invalid_url", "http://2130706433:{port}/"),
        ("invalid_url", "http://127.0.0.2@127.0.0.1:{port}/"),
        ("invalid_url", "/\\127.0.0.1:{port}/"),
        ("invalid_url", "file:///etc/passwd"),
        ("invalid_url", "gopher://127.0.0.1:{port}/"),
        ("invalid_url", "http://8.8.8.8:{port}/"),
    ],
)
async def test_redirect_to_a_hostile_url_reaches_nothing(code: str, location: str) -> None:
    async with listening(image_answer()) as forbidden:
        answer = redirect(location.replace("{port}", str(forbidden.port)))
        async with (
            listening(answer, host="127.0.0.2") as origin,
            fetching(allow="127.0.0.2/32", names=HOSTILE_NAMES) as fetcher,
        ):
            problem = await refusal(fetcher, origin.url())

        assert await forbidden.count_connections() == 0
    assert (problem.status, problem.code) == (400, code)
    assert "127.0.0" not in str(problem)


async def test_name_that_changes_its_address_between_hops_is_judged_again() -> None:
    names = {"rebinding.test": [["127.0.0.2"], ["127.0.0.1"]]}
    async with listening(image_answer()) as forbidden:
        async with (
            listening(redirect("/secret"), host="127.0.0.2", port=forbidden.port) as origin,
            fetching(allow="127.0.0.2/32", names=names) as fetcher,
        ):
            problem = await refusal(fetcher, f"http://rebinding.test:{forbidden.port}/")

        assert await forbidden.count_connections() == 0
    assert problem.code == "forbidden_url"
    assert origin.connections == 1


async def test_second_fetch_asks_the_name_servers_again() -> None:
    names = {"rebinding.test": [["127.0.0.2"], ["127.0.0.1"]]}
    async with (
        listening(image_answer(), host="127.0.0.2") as origin,
        fetching(allow="127.0.0.2/32", names=names) as fetcher,
    ):
        url = f"http://rebinding.test:{origin.port}/"
        await fetcher.fetch(url, timeout_s=5.0)

        problem = await refusal(fetcher, url)

    assert problem.code == "forbidden_url"


async def test_nothing_on_loopback_is_exempt_by_default() -> None:
    async with listening(image_answer()) as origin:
        async with fetching(allow="") as fetcher:
            problem = await refusal(fetcher, origin.url())

        assert await origin.count_connections() == 0
    assert problem.code == "forbidden_url"


async def test_systems_own_resolver_is_judged_too() -> None:
    async with listening(image_answer()) as origin:
        fetcher = ImageFetcher(SMALL)
        problem = await refusal(fetcher, f"http://localhost:{origin.port}/")
        await fetcher.close()

        assert await origin.count_connections() == 0
    assert problem.code == "forbidden_url"
