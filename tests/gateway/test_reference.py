"""The reference at `/docs` and the files of all pages: packed on the wire, with their policies."""

import pytest

from tests.gateway.running import Gateway


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
