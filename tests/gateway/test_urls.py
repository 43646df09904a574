"""Which URLs may be asked for, by their text."""

import pytest
from yarl import URL

from gateway.fetching.urls import file_name, next_hop, parse_url
from gateway.problems import Problem

REFUSED = [
    *"""
image.jpg /image.jpg //example.com/image.jpg ftp://example.com/a.jpg file:///etc/passwd
data:image/png;base64,AAAA gopher://example.com/ http:example.com http:/example.com
http:///example.com http:// http://?x https://#x http://user@example.com/
http://user:secret@example.com/ http://@example.com/ http://:@example.com/
http://example.com:99999/ http://example.com:-1/ http://example.com:http/ http://[::1/
http://::1/ http://[fe80::1%25eth0]/ http://[::1%lo]/ http://[v1.host]/ http://[example.com]/
http://exa%6dple.com/ http://%31%32%37.0.0.1/ http://2130706433/ http://0x7f000001/
http://0X7F.0.0.1/ http://017700000001/ http://0177.0.0.1/ http://127.1/ http://127.0.1/
http://0/ http://127.0.0.1./ http://1.2.3.4.5/ http://256.1.1.1/ http://01.1.1.1/
http://host.0x/ http://a..b/ http://.example.com/ http://./ http://-a.example.com/
http://exa;mple.com/ http://exa,mple.com/
""".split(),
    "",
    " http://example.com/",
    "http://example.com/ ",
    "http://exa mple.com/",
    "http://example.com/a\tb",
    "http://example.com/\r\nHost: internal",
    "http://example.com/\x00",
    "http://example.com/\u00a0a",
    "http://example.com/\u200ba",
    "http://example.com/\ud800",
    "http://example.com\\@127.0.0.1/",
    "http:\\\\example.com/",
    f"http://{'a' * 64}.com/",
    f"http://{'a.' * 127}com/",
    "http://h\u2100x.com/",
    "http://a\u00adb.com/",
    "http://example.com/" + "a" * 4096,
]


@pytest.mark.parametrize("text", REFUSED)
def test_url_that_breaks_a_rule_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_url(text)

    assert (caught.value.status, caught.value.code) == (400, "invalid_url")


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("http://example.com/a.jpg", "example.com"),
        ("HTTPS://EXAMPLE.COM/a.jpg", "example.com"),
        ("http://example.com", "example.com"),
        ("http://example.com?a.jpg", "example.com"),
        ("http://example.com./a.jpg", "example.com."),
        ("http://my_bucket.example.com/a.jpg", "my_bucket.example.com"),
        ("http://1a.example.com:8080/a.jpg", "1a.example.com"),
        ("http://b\u00fccher.example/\u00fc.jpg", "xn--bcher-kva.example"),
        ("http://8.8.8.8/a.jpg", "8.8.8.8"),
        ("http://[2606:4700::1111]:443/a.jpg", "2606:4700::1111"),
        ("http://example.com/a%20b@c.jpg?x=1&y=%2B#f", "example.com"),
    ],
)
def test_usual_url_is_accepted(text: str, host: str) -> None:
    assert parse_url(text).raw_host == host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", "127.0.0.1"),
        ("http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", "127.0.0.1"),
        ("http://127\u30020\u30020\u30021/", "127.0.0.1"),
        ("http://\u24d4xample.com/", "example.com"),
    ],
)
def test_fullwidth_and_circled_hosts_become_what_they_mean(text: str, host: str) -> None:
    assert parse_url(text).raw_host == host


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://other.example/b", "https://other.example/b"),
        ("//other.example/b", "https://other.example/b"),
        ("/b", "https://example.com/b"),
        ("b?c", "https://example.com/a/b?c"),
        ("", "https://example.com/a/"),
    ],
)
def test_redirect_leads_where_it_says(location: str, target: str) -> None:
    assert next_hop(URL("https://example.com/a/"), location) == URL(target)


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https:other.example",
        "https://user@other.example/",
        "//user@other.example/",
        "///other.example/",
        "/\\other.example/",
        "https://2130706433/",
        "//0x7f.1/",
        "https://[::1",
        "/a b",
    ],
)
def test_redirect_that_breaks_a_rule_or_gives_up_tls_is_refused(location: str) -> None:
    with pytest.raises(Problem) as caught:
        next_hop(URL("https://example.com/a"), location)

    assert (caught.value.status, caught.value.code) == (400, "invalid_url")


def test_redirect_from_http_to_https_is_followed() -> None:
    assert next_hop(URL("http://example.com/"), "https://example.com/").scheme == "https"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("http://example.com/a/image.jpg?x=1", "image.jpg"),
        ("http://example.com", "image"),
        ("http://example.com/a/", "image"),
        ("http://example.com/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "etc-passwd"),
        ("http://example.com/.htaccess", "htaccess"),
        ("http://example.com/a%0d%0aSet-Cookie:%20b.png", "a-Set-Cookie-b.png"),
        ("http://example.com/%E5%86%99%E7%9C%9F.jpg", "jpg"),
        ("http://example.com/" + "a" * 200 + ".jpg", "a" * 76 + ".jpg"),
    ],
)
def test_file_name_is_safe(text: str, name: str) -> None:
    assert file_name(parse_url(text)) == name
