"""Fetching from honest origins and from those that fail, all on loopback."""

import asyncio
import gzip
import shutil
import ssl
import subprocess

import pytest

from gateway.fetching.fetcher import FetchLimits
from gateway.media import EncodedImage
from gateway.problems import Problem
from tests.gateway.fetchers import SMALL, fetching, refusal
from tests.gateway.origin import (
    IMAGE,
    Answer,
    drip,
    endless,
    image_answer,
    in_turn,
    listening,
    redirect,
    says,
)

OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
HURRIED = FetchLimits(total_s=0.2)


async def fetched(answer: Answer, limits: FetchLimits = SMALL) -> EncodedImage:
    async with listening(answer) as origin, fetching(limits) as fetcher:
        return await fetcher.fetch(origin.url(), timeout_s=5.0)


async def refusal_of(answer: Answer, limits: FetchLimits = SMALL) -> Problem:
    async with listening(answer) as origin, fetching(limits) as fetcher:
        problem = await refusal(fetcher, origin.url())
    assert "127.0.0" not in str(problem)
    return problem


@pytest.fixture(scope="session")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Return a server's TLS set-up whose certificate for 127.0.0.1 it signed itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on this machine")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=origin", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *request, *names, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_image_is_fetched_whole() -> None:
    image = await fetched(image_answer())

    assert image == EncodedImage(IMAGE, "image/gif", "image.gif")


@pytest.mark.parametrize(
    "headers", [b"Content-Type: text/html\r\n", b"Content-Type: application/json\r\n", b""]
)
async def test_first_bytes_decide_the_type_and_not_the_header(headers: bytes) -> None:
    image = await fetched(image_answer(headers=headers))

    assert image.media_type == "image/gif"


FRAMES = {
    "until-close": (OK_HEAD, b"\r\n", IMAGE),
    "chunked": (OK_HEAD, CHUNKED, b"%x\r\n" % len(IMAGE), IMAGE, b"\r\n0\r\n\r\n"),
    "early-hints": (b"HTTP/1.1 103 Early Hints\r\n\r\n", OK_HEAD, b"\r\n", IMAGE),
    "identity": (OK_HEAD, b"Content-Encoding: identity\r\n\r\n", IMAGE),
}


@pytest.mark.parametrize("pieces", FRAMES.values(), ids=FRAMES)
async def test_image_is_fetched_however_it_is_framed(pieces: tuple[bytes, ...]) -> None:
    image = await fetched(says(*pieces))

    assert image.content == IMAGE


async def test_request_carries_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(image_answer()) as proxy, listening(image_answer()) as origin:
        monkeypatch.setenv("HTTP_PROXY", proxy.url(""))
        async with fetching() as fetcher:
            await fetcher.fetch(origin.url("/a.gif?x=1#part"), timeout_s=5.0)

    lines = origin.requests[0].decode().rstrip().split("\r\n")
    assert lines[0] == "GET /a.gif?x=1 HTTP/1.1"
    assert {line.partition(":")[0].lower() for line in lines[1:]} == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
    }
    assert "Accept-Encoding: identity" in lines
    assert proxy.connections == 0


async def test_cookies_are_not_kept() -> None:
    cookie = b"HTTP/1.1 302 Found\r\nSet-Cookie: a=b; Path=/\r\nLocation: /next\r\n\r\n"
    names = {"origin.test": [["127.0.0.1"]]}
    async with (
        listening(in_turn(says(cookie), image_answer())) as origin,
        fetching(names=names) as fetcher,
    ):
        await fetcher.fetch(f"http://origin.test:{origin.port}/", timeout_s=5.0)

    assert b"cookie" not in origin.requests[1].lower()


async def test_three_redirects_are_followed_and_the_asked_name_is_kept() -> None:
    hops = [redirect("/2"), redirect("3?x", status=307), redirect("/4", status=308)]
    async with listening(in_turn(*hops, image_answer())) as origin, fetching() as fetcher:
        image = await fetcher.fetch(origin.url("/first.gif"), timeout_s=5.0)

    assert image.name == "first.gif"
    assert len(origin.requests) == 4


async def test_redirect_loop_ends_after_three_hops() -> None:
    async with listening(redirect("/again")) as origin, fetching() as fetcher:
        problem = await refusal(fetcher, origin.url())

    assert (problem.status, problem.code) == (502, "fetch_failed")
    assert "3 times" in str(problem)
    assert len(origin.requests) == 4


SLOW = {
    "body": drip(OK_HEAD + b"\r\n" + IMAGE, b"x", interval_s=0.02),
    "header": drip(b"HTTP/1.1 200 OK\r\nX: ", b"x", interval_s=0.02),
    "continue": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n", interval_s=0.02),
    "chunks": drip(OK_HEAD + CHUNKED, b"1\r\nx\r\n", interval_s=0.02),
    "silence": drip(b"", b"", interval_s=5.0),
}


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
async def test_slow_origin_is_left_when_the_time_is_over(answer: Answer) -> None:
    problem = await refusal_of(answer, HURRIED)

    assert (problem.status, problem.code) == (504, "fetch_timeout")
    assert "0.2 s" in str(problem)


async def test_callers_time_counts_when_it_is_shorter() -> None:
    async with listening(drip(b"", b"", interval_s=5.0)) as origin, fetching() as fetcher:
        with pytest.raises(Problem) as caught:
            await fetcher.fetch(origin.url(), timeout_s=0.1)

    assert caught.value.code == "fetch_timeout"


async def test_redirects_share_one_time_limit() -> None:
    hops = in_turn(redirect("/2"), redirect("/3"), drip(b"", b"", interval_s=5.0))

    problem = await refusal_of(hops, HURRIED)

    assert problem.code == "fetch_timeout"


LARGE = {
    "announced": says(OK_HEAD, b"Content-Length: 4097\r\n\r\n", IMAGE),
    "absurd": says(OK_HEAD, b"Content-Length: 99999999999999\r\n\r\n", IMAGE),
    "unannounced": says(OK_HEAD, b"\r\n", IMAGE, b"\x00" * 4096),
    "endless": endless(OK_HEAD + b"\r\n" + IMAGE, b"\x00" * 1000),
    "endless-chunks": endless(OK_HEAD + CHUNKED, b"4\r\nabcd\r\n"),
}


@pytest.mark.parametrize("answer", LARGE.values(), ids=LARGE)
async def test_image_over_the_limit_is_refused(answer: Answer) -> None:
    problem = await refusal_of(answer)

    assert (problem.status, problem.code) == (413, "image_too_large")


async def test_image_of_exactly_the_limit_is_accepted() -> None:
    content = IMAGE.ljust(4096, b"\x00")

    image = await fetched(image_answer(content))

    assert image.content == content


FAILING = {
    "short-body": says(OK_HEAD, b"Content-Length: 100\r\n\r\n", IMAGE),
    "two-lengths": says(OK_HEAD, b"Content-Length: 10\r\nContent-Length: 20\r\n\r\n", IMAGE),
    "negative-length": says(OK_HEAD, b"Content-Length: -1\r\n\r\n", IMAGE),
    "wordy-length": says(OK_HEAD, b"Content-Length: ten\r\n\r\n", IMAGE),
    "broken-off-chunk": says(OK_HEAD, CHUNKED, b"20\r\n", IMAGE[:10]),
    "wrong-chunk": says(OK_HEAD, CHUNKED, b"zz\r\n", IMAGE),
    "gzip-bomb": says(OK_HEAD, b"Content-Encoding: gzip\r\n\r\n", gzip.compress(bytes(2**24))),
    "brotli": says(OK_HEAD, b"Content-Encoding: br\r\n\r\n", IMAGE),
    "not-found": says(b"HTTP/1.1 404 Not Found\r\n\r\n", IMAGE),
    "server-error": says(b"HTTP/1.1 500 Oops\r\n\r\n", IMAGE),
    "partial": says(b"HTTP/1.1 206 Partial Content\r\n\r\n", IMAGE),
    "no-content": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "redirect-to-nowhere": says(b"HTTP/1.1 302 Found\r\n\r\n"),
    "hangs-up": says(b""),
    "half-a-head": says(b"HTTP/1.1 200"),
    "another-protocol": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "huge-header": says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", IMAGE),
    "endless-headers": endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
}


@pytest.mark.parametrize("answer", FAILING.values(), ids=FAILING)
async def test_origin_that_fails_is_a_failed_fetch(answer: Answer) -> None:
    problem = await refusal_of(answer)

    assert (problem.status, problem.code) == (502, "fetch_failed")


async def test_status_of_the_origin_is_told() -> None:
    problem = await refusal_of(says(b"HTTP/1.1 404 Not Found\r\n\r\n"))

    assert "404" in str(problem)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<!doctype html><title>An image</title>", "HTML"),
        (b"", "nothing"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG, which is not read"),
        (gzip.compress(IMAGE), "gzip, which is not read"),
    ],
    ids=["html", "empty", "svg", "gzip-undeclared"],
)
async def test_anything_but_an_image_is_refused_whatever_it_is_called(
    content: bytes, told: str
) -> None:
    problem = await refusal_of(image_answer(content, headers=b"Content-Type: image/png\r\n"))

    assert (problem.status, problem.code) == (415, "unsupported_media_type")
    assert told in str(problem)


async def test_origin_without_tls_is_a_failed_fetch() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1")
    async with server, fetching() as fetcher:
        port = server.sockets[0].getsockname()[1]
        problem = await refusal(fetcher, f"https://127.0.0.1:{port}/")

    assert (problem.status, problem.code) == (502, "fetch_failed")
    assert "TLS" in str(problem)


async def test_certificate_that_nobody_vouches_for_is_a_failed_fetch(
    own_certificate: ssl.SSLContext,
) -> None:
    async with listening(image_answer(), tls=own_certificate) as origin, fetching() as fetcher:
        problem = await refusal(fetcher, origin.url().replace("http:", "https:"))

    assert (problem.status, problem.code) == (502, "fetch_failed")
    assert "TLS certificate" in str(problem)
    assert origin.requests == []


async def test_closed_port_is_a_failed_fetch() -> None:
    async with listening(image_answer()) as origin:
        url = origin.url()

    async with fetching() as fetcher:
        problem = await refusal(fetcher, url)

    assert (problem.status, problem.code) == (502, "fetch_failed")
    assert "127.0.0" not in str(problem)


async def test_unknown_name_is_a_failed_fetch() -> None:
    async with fetching() as fetcher:
        problem = await refusal(fetcher, "http://unknown.test/")

    assert (problem.status, problem.code) == (502, "fetch_failed")


async def test_one_host_gets_only_its_share_of_connections() -> None:
    may_answer = asyncio.Event()

    async def gated(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        await image_answer()(reader, writer)

    limits = FetchLimits(max_connections_per_host=1)
    async with listening(gated) as origin, fetching(limits) as fetcher:
        first = asyncio.create_task(fetcher.fetch(origin.url(), timeout_s=5.0))
        second = asyncio.create_task(fetcher.fetch(origin.url(), timeout_s=0.1))
        with pytest.raises(Problem) as caught:
            await second
        reached = origin.connections
        may_answer.set()
        await first

    assert caught.value.code == "fetch_timeout"
    assert reached == 1
