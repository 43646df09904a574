"""Bodies as requests: multipart forms, JSON, and images told by their first bytes."""

import io
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from contract.endpoints.classify import ClassifyRequest
from contract.endpoints.nudity import NudityRequest
from contract.fields import MAX_URL_CHARACTERS
from gateway.fetching import urls
from gateway.input.forms import Form, read_form
from gateway.input.parsing import decode_object, parse_values
from gateway.media import sniff
from gateway.problems import Problem
from tests.gateway.origin import IMAGE

TYPE = "multipart/form-data; boundary=line"
LIMIT = b'Content-Disposition: form-data; name="limit"\r\n\r\n5'
IMAGE_PART = (
    b'Content-Disposition: form-data; name="image"; filename="a.gif"\r\n'
    b"Content-Type: image/gif\r\n\r\n" + IMAGE
)
MIB = 2**20


def body(*fields: bytes, end: bytes = b"--line--\r\n") -> bytes:
    return b"".join(b"--line\r\n" + field + b"\r\n" for field in fields) + end


async def cut(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def read(content: bytes, *, size: int = 65_536, content_type: str = TYPE) -> Form:
    return await read_form(cut(content, size), content_type=content_type, known={"limit", "image"})


async def refusal(content: bytes, content_type: str = TYPE) -> Problem:
    with pytest.raises(Problem) as caught:
        await read(content, content_type=content_type)
    return caught.value


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 65_536])
async def test_form_is_read_whatever_its_pieces(size: int) -> None:
    form = await read(body(LIMIT, IMAGE_PART), size=size)

    assert form == Form({"limit": "5"}, IMAGE, "a.gif")


async def test_image_may_hold_what_looks_like_a_boundary() -> None:
    content = b"\r\n--lin\r\n--\r\nline--" * 100
    field = b'Content-Disposition: form-data; name="image"\r\n\r\n' + content

    assert (await read(body(field), size=5)).image == content


async def test_form_without_fields_is_empty() -> None:
    assert await read(b"--line--\r\n") == Form()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b'{"url": "http://a.example/"}',
        body(LIMIT, end=b""),
        body(IMAGE_PART)[:-9],
        body(b"no header at all"),
        body(b"\r\nno disposition"),
        body(b"Content-Disposition: attachment; name=x\r\n\r\nx"),
        body(b'Content-Disposition: form-data; name="limit"\r\n\r\n\xff'),
        body(b'Content-Disposition: form-data; name="' + b"x" * 5000 + b'"\r\n\r\nx'),
        body(b"X: y\r\n" * 9 + LIMIT),
        body(*[b'Content-Disposition: form-data; name="%d"\r\n\r\nx' % n for n in range(17)]),
    ],
)
async def test_what_is_no_form_is_400(content: bytes) -> None:
    problem = await refusal(content)

    assert (problem.status, problem.code) == (400, "malformed_form")


@pytest.mark.parametrize("boundary", ["", ";", "; boundary=", "; boundary=" + "x" * 71])
async def test_bad_boundary_is_400(boundary: str) -> None:
    problem = await refusal(body(LIMIT), f"multipart/form-data{boundary}")

    assert (problem.status, problem.code) == (400, "malformed_form")
    assert "boundary of 1 to 70" in str(problem)


@pytest.mark.parametrize("twice", [LIMIT, IMAGE_PART])
async def test_field_that_comes_twice_is_named(twice: bytes) -> None:
    problem = await refusal(body(twice, twice))

    assert (problem.status, problem.code) == (400, "invalid_parameter")
    assert "given twice" in str(problem)


async def test_long_text_is_named() -> None:
    problem = await refusal(body(LIMIT + b"5" * 16 * 1024))

    assert (problem.status, problem.code) == (400, "invalid_parameter")
    assert str(problem) == "parameter 'limit': over 16 KiB"


async def test_image_that_is_too_large_is_refused_before_it_ends() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'--line\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
        while True:
            yield b"x" * MIB

    with pytest.raises(Problem) as caught:
        await read_form(endless(), content_type=TYPE, known={"image"})

    assert (caught.value.status, caught.value.code) == (413, "image_too_large")


@given(st.lists(st.sampled_from([b"--line", b"--", b"\r\n", IMAGE_PART, LIMIT, b"x", b":"])))
async def test_any_bytes_are_a_form_or_a_problem(parts: list[bytes]) -> None:
    with suppress(Problem):
        await read(b"".join(parts), size=11)


def test_last_of_two_equal_parameters_counts() -> None:
    assert parse_values(decode_object(b'{"url": "x", "url": "y"}'), NudityRequest).url == "y"


def test_url_may_be_as_long_as_the_fetcher_takes_it() -> None:
    longest = "x" * MAX_URL_CHARACTERS

    assert parse_values({"url": longest}, NudityRequest).url == longest
    assert urls.MAX_URL_CHARACTERS == MAX_URL_CHARACTERS


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_problem(body: bytes) -> None:
    with suppress(Problem):
        parse_values(decode_object(body), ClassifyRequest)


@pytest.mark.parametrize(
    "fields",
    [
        ", ".join(f'"key{number}": 1' for number in range(110_000)),
        f'"url": [{"1," * 110_000}1]',
    ],
)
def test_body_of_too_many_values_is_refused_before_it_is_parsed(fields: str) -> None:
    with pytest.raises(Problem, match="over 100000 commas") as caught:
        decode_object(f"{{{fields}}}".encode())

    assert (caught.value.status, caught.value.code) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("saved_as", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("AVIF", "image/avif"),
        ("JPEG2000", "image/jp2"),
    ],
)
def test_image_is_told_by_its_first_bytes(saved_as: str, media_type: str) -> None:
    saved = io.BytesIO()
    Image.new("RGB", (2, 3)).save(saved, saved_as)

    assert sniff(saved.getvalue()) == media_type


@pytest.mark.parametrize("start", [b"MM\x00*", b"II+\x00", b"MM\x00+"])
def test_other_kinds_of_tiff_are_images(start: bytes) -> None:
    assert sniff(start + b"\x00\x00\x00\x08") == "image/tiff"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8",
        b"GIF88a",
        b"BM",
        b"BMW built its first car in 1928.",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"\x1f\x8b\x08\x00",
        b" \x89PNG\r\n\x1a\n",
    ],
)
def test_anything_else_is_no_accepted_image(content: bytes) -> None:
    assert sniff(content) is None
