"""The catalogue of errors, the reference, and the files of all pages."""

import ast
from collections.abc import Iterator
from http import HTTPStatus
from importlib import resources
from pathlib import Path

import pytest

import gateway
from gateway import backends
from gateway.catalogue import catalogue
from gateway.openapi.document import openapi_document
from gateway.openapi.parts import ERRORS
from servicekit import errors
from tests.gateway.running import Gateway

# Starlette's own, which the edge gives our shape.
OF_ROUTING = {(404, "not_found"), (405, "method_not_allowed")}


def raised() -> Iterator[tuple[int, str]]:
    """Return status and code of each Problem that the sources make."""
    for path in Path(str(resources.files(gateway))).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(args=[ast.Constant(int(status)), ast.Constant(str(code)), *_]):
                    if status in set(HTTPStatus):
                        yield status, code


def passed_on() -> set[tuple[int, str]]:
    """Return status and code of what the services refuse."""
    reasons = {(status, reason) for reason, status in backends._STATUS_OF_REASON.items()}  # noqa: SLF001 - the table is the claim
    return reasons | {(500, errors.MeshError.reason)}


def test_every_error_of_the_sources_is_in_the_catalogue_and_no_other() -> None:
    listed = {(status, code) for code, fault in catalogue().items() for status in fault.statuses}

    assert listed == {*raised(), *passed_on(), *OF_ROUTING}


def test_codes_stand_in_the_order_of_their_statuses() -> None:
    statuses = [fault.statuses[0] for fault in catalogue().values()]

    assert statuses == sorted(statuses)


def test_reference_knows_the_codes_and_their_statuses() -> None:
    code = openapi_document()["components"]["schemas"]["ErrorBody"]["properties"]["code"]

    assert code["enum"] == list(catalogue())
    listed = {status for fault in catalogue().values() for status in fault.statuses}
    assert listed - {405} == set(ERRORS)


async def test_page_has_a_row_with_an_address_for_each_code(gateway: Gateway) -> None:
    reply = await gateway.send("GET", "/docs/errors")

    page = reply.body.decode()
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    for code in catalogue():
        assert f'<tr id="{code}">' in page
    assert "$rows" not in page
    assert "<code>lang</code> is none of the languages" in page


@pytest.mark.parametrize("path", ["/", "/docs/errors", "/static/page.js", "/static/scalar.js"])
async def test_file_is_packed_where_gzip_is_taken(gateway: Gateway, path: str) -> None:
    packed = await gateway.send("GET", path, headers={"Accept-Encoding": "gzip"})
    plain = await gateway.send("GET", path, headers={"Accept-Encoding": "identity"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert packed.body == plain.body  # the session has unpacked it


async def test_styles_in_the_page_are_allowed_there_alone(gateway: Gateway) -> None:
    policies = [
        (await gateway.send("GET", path)).headers["Content-Security-Policy"]
        for path in ("/docs", "/", "/docs/errors")
    ]

    assert ["'unsafe-inline'" in policy for policy in policies] == [True, False, False]
    assert all("script-src 'self';" in policy for policy in policies)
