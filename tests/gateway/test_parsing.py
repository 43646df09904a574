"""JSON bodies that become requests, and those that do not."""

from contextlib import suppress
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.endpoint import EndpointRequest
from contract.endpoints.analyzed_text import AnalyzedTextRequest
from contract.endpoints.classify import ClassifyRequest
from contract.endpoints.emotions import EmotionsRequest
from contract.endpoints.nudity import NudityRequest
from contract.endpoints.ocr import OcrRequest
from contract.fields import MAX_URL_CHARACTERS
from gateway.fetching import urls
from gateway.input.parsing import decode_object, parse_values
from gateway.problems import Problem

RequestT = TypeVar("RequestT", bound=EndpointRequest[Any])  # Any: of each its own answer

URL = "https://example.com/image.jpg"


def parse_request(body: bytes, kind: type[RequestT]) -> RequestT:
    return parse_values(decode_object(body), kind)


def refusal(body: bytes, kind: type[EndpointRequest[Any]] = OcrRequest) -> Problem:
    with pytest.raises(Problem) as caught:
        parse_request(body, kind)
    return caught.value


def test_defaults_are_the_seed_s() -> None:
    body = b'{"url": "https://example.com/image.jpg"}'

    assert parse_request(body, OcrRequest) == OcrRequest(url=URL, details=False, lang="eng")
    assert parse_request(body, EmotionsRequest).limit == 7
    assert parse_request(body, ClassifyRequest).limit == 5


def test_last_of_two_equal_parameters_counts() -> None:
    request = parse_request(b'{"url": "x", "url": "y"}', NudityRequest)

    assert request.url == "y"


@pytest.mark.parametrize(
    "body",
    [
        b"{'url': 'x'}",
        b'{"url": "x",}',
        b'{"url": "x"} {}',
        b'\xef\xbb\xbf{"url": "x"}',
        b'{"url": NaN}',
        b'{"url": "a\nb"}',
        rb'{"url": "\ud800 half of a pair"}',
        b'{"url": "\xc3("}',
        b'{"a":' * 10_000,
        b"url=https://example.com/image.jpg",
    ],
)
def test_what_is_no_json_is_400(body: bytes) -> None:
    problem = refusal(body)

    assert (problem.status, problem.code) == (400, "malformed_json")


def test_unknown_parameter_is_named_with_those_that_there_are() -> None:
    problem = refusal(b'{"url": "x", "language": "eng"}')

    assert (problem.status, problem.code) == (400, "unknown_parameter")
    known = "url, image, details, webhook, lang, min_confidence, format, pages"
    assert str(problem) == f"unknown parameter 'language'; known are: {known}"


def test_long_name_of_an_unknown_parameter_is_cut() -> None:
    problem = refusal(b'{"' + b"x" * 60_000 + b'": 1}')

    assert len(str(problem)) < 200


@pytest.mark.parametrize("lang", ["null", "5", '["eng"]', '"' + "x" * 61 + '"'])
def test_bad_language_is_named(lang: str) -> None:
    problem = refusal(f'{{"url": "x", "lang": {lang}}}'.encode())

    assert (problem.status, problem.code) == (400, "invalid_parameter")
    assert "'lang'" in str(problem)


@pytest.mark.parametrize("limit", ["true", '"5"', "5.5", "null", "-1", "0", "101", "1" * 40, "[5]"])
def test_bad_limit_is_named(limit: str) -> None:
    problem = refusal(f'{{"url": "x", "limit": {limit}}}'.encode(), ClassifyRequest)

    assert (problem.status, problem.code) == (400, "invalid_parameter")
    assert "'limit'" in str(problem)


def test_url_may_be_as_long_as_the_fetcher_takes_it() -> None:
    longest = "x" * MAX_URL_CHARACTERS
    assert len(longest) == urls.MAX_URL_CHARACTERS
    request = parse_request(f'{{"url": "{longest}"}}'.encode(), NudityRequest)
    problem = refusal(f'{{"url": "{longest}x"}}'.encode())

    assert request.url == longest
    assert (problem.status, problem.code) == (400, "invalid_parameter")


def test_text_beyond_its_limit_is_named() -> None:
    body = b'{"text": "%s"}' % (b"x" * 50_001)
    with pytest.raises(Problem, match="'text': expected `str` of length <= 50000") as caught:
        parse_request(body, AnalyzedTextRequest)

    assert (caught.value.status, caught.value.code) == (400, "invalid_parameter")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_problem(body: bytes) -> None:
    with suppress(Problem):
        parse_request(body, ClassifyRequest)
