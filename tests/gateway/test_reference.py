"""The reference at `/docs`: Scalar, packed for those who take it so, under a policy of its own."""

from tests.gateway.running import Gateway


async def test_script_is_packed_for_those_who_take_it_so(gateway: Gateway) -> None:
    packed = await gateway.send("GET", "/static/scalar.js", headers={"Accept-Encoding": "gzip"})
    plain = await gateway.send("GET", "/static/scalar.js", headers={"Accept-Encoding": "identity"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.body == plain.body  # the session has unpacked it


async def test_styles_in_the_page_are_allowed_there_alone(gateway: Gateway) -> None:
    policies = [
        (await gateway.send("GET", path)).headers["Content-Security-Policy"]
        for path in ("/docs", "/", "/docs/errors")
    ]

    assert ["'unsafe-inline'" in policy for policy in policies] == [True, False, False]
    assert all("script-src 'self';" in policy for policy in policies)
