"""Any bytes are a request or a problem, and the parser's limits are those of the fetcher."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.endpoints.classify import ClassifyRequest
from contract.endpoints.nudity import NudityRequest
from contract.fields import MAX_URL_CHARACTERS
from gateway.fetching import urls
from gateway.input.parsing import decode_object, parse_values
from gateway.problems import Problem


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
