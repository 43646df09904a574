"""HTTP as clients speak it: upgrades, encodings, keys and paths, byte for byte on a real server."""

import asyncio
import gzip
import json
from collections.abc import Sequence

import pytest

from gateway.input.inputs import MAX_IMAGE_JSON_BYTES
from tests.gateway.origin import IMAGE
from tests.gateway.running import Gateway, Reply
from tests.gateway.uploads import base64

ENOUGH_S = 20  # far beyond what any answer takes
# Java's java.net.http.HttpClient and `curl --http2` send these with every request over http.
H2C = (
    "Connection: Upgrade, HTTP2-Settings\r\n"
    "HTTP2-Settings: AAMAAABkAAQAAP__AAUAAEAAAAgAAAAA\r\n"
    "Upgrade: h2c\r\n"
)
EMPTY = gzip.compress(b"{}", mtime=0)
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.gif"\r\n'
    b"Content-Type: image/gif\r\n\r\n" + IMAGE + b"\r\n--b--\r\n"
)


async def ask(
    gateway: Gateway, pieces: Sequence[bytes], *, answers: int = 1
) -> list[tuple[int, object]]:
    """Return status and body of each answer to these bytes, sent one piece at a time."""
    reader, writer = await gateway.connect()
    found = []
    async with asyncio.timeout(ENOUGH_S):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        for _ in range(answers):
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(length))
            found.append((int(head.split()[1]), json.loads(body)))
    writer.transport.abort()
    return found


def request(
    gateway: Gateway,
    body: bytes,
    *,
    kind: str = "application/json",
    upgrade: str = H2C,
    chunked: bool = False,
) -> bytes:
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = (
        "POST /api/v1/classify HTTP/1.1\r\nHost: x\r\n"
        f"X-API-Key: {gateway.key}\r\nContent-Type: {kind}\r\n{upgrade}{length}\r\n\r\n"
    )
    if chunked:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return head.encode() + body


def image_json() -> bytes:
    return json.dumps({"image": base64()}).encode()


@pytest.mark.parametrize("upgrade", [H2C, H2C.replace("h2c", "websocket"), "Upgrade: h2c\r\n"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
async def test_body_is_read_whatever_upgrade_is_offered(
    gateway: Gateway, kind: str, framing: str, upgrade: str
) -> None:
    body = FORM if kind.startswith("multipart") else image_json()

    sent = request(gateway, body, kind=kind, upgrade=upgrade, chunked=framing == "chunks")

    assert (await ask(gateway, [sent]))[0][0] == 200


@pytest.mark.parametrize("size", [1, 7, 300])
async def test_body_of_an_offered_upgrade_may_come_late(gateway: Gateway, size: int) -> None:
    sent = request(gateway, image_json())

    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]

    assert (await ask(gateway, pieces))[0][0] == 200


async def test_connection_goes_on_after_an_offered_upgrade(gateway: Gateway) -> None:
    get = f"GET /healthz HTTP/1.1\r\nHost: x\r\n{H2C}\r\n".encode()

    answers = await ask(gateway, [get + request(gateway, image_json()) + get], answers=3)

    assert [status for status, _ in answers] == [200, 200, 200]


async def test_connect_is_refused(gateway: Gateway) -> None:
    sent = b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n"

    assert (await ask(gateway, [sent]))[0][0] == 400


async def test_byte_order_mark_is_passed_over(gateway: Gateway) -> None:
    assert (await gateway.post("classify", b"\xef\xbb\xbf" + image_json())).status == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{\"url\": 1,\n  'limit': 2}", "line 2, column 3 (byte 13)"),
        (b'{"url": "x"} x', "trailing characters at line 1, column"),
        (b'{"url":', "ends too early, at byte 7"),
        (b'{"url": "\xff"}', "not UTF-8 at byte 9"),
        (b" \n", "empty"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
async def test_json_error_says_where(gateway: Gateway, body: bytes, words: str) -> None:
    reply = await gateway.post("classify", body)

    assert reply.refusal == (400, "malformed_json")
    assert words in reply.json["error"]["message"]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP "])
async def test_gzip_body_is_unpacked(gateway: Gateway, encoding: str) -> None:
    packed = gzip.compress(image_json())

    reply = await gateway.post("classify", packed, Content_Encoding=encoding)

    assert reply.status == 200


async def test_gzip_body_may_be_a_form_and_have_members(gateway: Gateway) -> None:
    packed = gzip.compress(FORM[:50]) + gzip.compress(FORM[50:])
    headers = {"Content_Encoding": "gzip", "Content_Type": "multipart/form-data; boundary=b"}

    assert (await gateway.post("classify", packed, **headers)).status == 200


@pytest.mark.parametrize("size", [MAX_IMAGE_JSON_BYTES + 1, 2**28])
async def test_gzip_bomb_is_refused_at_the_limit_of_bodies(gateway: Gateway, size: int) -> None:
    packed = gzip.compress(b" " * size, 1)

    reply = await gateway.post("classify", packed, Content_Encoding="gzip")

    assert reply.refusal == (413, "body_too_large")


@pytest.mark.parametrize("packed", [b"{}", EMPTY[:-3], EMPTY + b"junk", b"\x1f\x8b"])
async def test_broken_gzip_is_400(gateway: Gateway, packed: bytes) -> None:
    reply = await gateway.post("classify", packed, Content_Encoding="gzip")

    assert reply.refusal == (400, "malformed_request")


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd"])
async def test_other_encodings_are_415_and_told_what_is_taken(
    gateway: Gateway, encoding: str
) -> None:
    reply = await gateway.post("classify", b"{}", Content_Encoding=encoding)

    assert reply.refusal == (415, "unsupported_media_type")
    assert reply.headers["Accept-Encoding"] == "gzip"


async def usage(gateway: Gateway, **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.send("GET", "/api/v1/usage", headers=sent)


@pytest.mark.parametrize("form", ["{}", "  {}", "{} \t"])
@pytest.mark.parametrize("header", ["X_API_Key", "Authorization"])
async def test_key_is_taken_from_either_header_with_blanks_around_it(
    gateway: Gateway, header: str, form: str
) -> None:
    key = form.format(gateway.key)
    sent = "bearer " + key if header == "Authorization" else key

    assert (await usage(gateway, **{header: sent})).status == 200


async def test_x_api_key_counts_where_both_are_sent(gateway: Gateway) -> None:
    good, bad = gateway.key, "im_live_no"

    replies = [
        await usage(gateway, X_API_Key=good, Authorization=f"Bearer {bad}"),
        await usage(gateway, X_API_Key=bad, Authorization=f"Bearer {good}"),
        await usage(gateway, X_API_Key=" ", Authorization=f"Bearer {good}"),
    ]

    assert [reply.status for reply in replies] == [200, 401, 200]


@pytest.mark.parametrize("headers", [{}, {"X_API_Key": "no"}, {"Authorization": "Basic eDp5"}])
async def test_401_names_its_scheme(gateway: Gateway, headers: dict[str, str]) -> None:
    reply = await usage(gateway, **headers)

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="imagemesh"'


async def test_slash_at_the_end_of_a_path_is_passed_over(gateway: Gateway) -> None:
    assert (await gateway.post("classify/", image_json())).status == 200
    assert (await gateway.get("/api/v1/usage/")).status == 200
    assert (await gateway.get("/api/v1/usage//")).status == 404


@pytest.mark.parametrize("size", [1, 20_000, 9 * 2**20])
@pytest.mark.parametrize("name", ["file", "picture"])
async def test_file_under_another_name_is_told_the_right_one(
    gateway: Gateway, name: str, size: int
) -> None:
    start = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n'
    body = start.encode() + b"\xff" * size + b"\r\n--b--\r\n"

    reply = await gateway.post("ocr", body, Content_Type="multipart/form-data; boundary=b")

    assert reply.refusal == (400, "unknown_parameter")
    assert reply.json["error"]["message"] == f"unknown field '{name}'; send the image as 'image'"


@pytest.mark.parametrize(
    "text",
    [
        f"{base64()[:40]}\n{base64()[40:]}\n",
        f"  {base64()}",
        f"data:image/gif;base64,{base64()[:20]}\r\n {base64()[20:]}",
    ],
)
async def test_white_space_in_base64_is_passed_over(gateway: Gateway, text: str) -> None:
    assert (await gateway.post("classify", {"image": text})).status == 200
