"""Which URLs may be fetched at all, judged by their text before anything is looked up."""

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address

from yarl import URL

from gateway.problems import Problem

MAX_URL_CHARACTERS = 4096  # presigned URLs of object stores with a session token reach 2,500

# yarl also reads "http:host" and "http:///host"; only the plain form is taken here, so that what
# is judged and what is dialled cannot differ. The group is the authority.
_WEB_URL = re.compile(r"https?://([^/?#]+)", re.IGNORECASE)
# RFC 952 and 1123, with the underscore that real names carry; one final dot marks a full name.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_MAX_HOST_CHARACTERS = 253  # RFC 1035, section 2.3.4, as text
# The last label of a number in any of the forms that C libraries read as an IPv4 address.
_NUMERIC_LABEL = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")  # RFC 3986, section 3.1

_MAX_NAME_CHARACTERS = 80
_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def parse_url(text: str) -> URL:
    """Return the URL when it is one that may be asked for; the address is judged when dialled.

    Raises:
        Problem: 400 `invalid_url`, saying which rule the text breaks.
    """
    if len(text) > MAX_URL_CHARACTERS:
        raise _invalid(f"is {len(text)} characters long; the limit is {MAX_URL_CHARACTERS}")
    _check_characters(text)
    match = _WEB_URL.match(text)
    if match is None:
        raise _invalid("must begin with http:// or https:// and a host")
    authority = match[1]
    if "@" in authority:
        raise _invalid("carries a user name or password; leave it out")
    try:
        url = URL(text)
    except ValueError as err:
        raise _invalid("has a host or a port that cannot be read") from err
    _check_host(url.raw_host or "", is_bracketed=authority.startswith("["))
    return url


def next_hop(url: URL, location: str) -> URL:
    """Return where a redirect of `url` leads.

    Raises:
        Problem: 400 `invalid_url` for a target that breaks a rule or gives up TLS.
    """
    _check_characters(location)
    if location.startswith("//"):
        target = parse_url(f"{url.scheme}:{location}")
    elif _SCHEME.match(location):
        target = parse_url(location)
    else:
        target = parse_url(str(url.join(URL(location))))
    if url.scheme == "https" and target.scheme == "http":
        raise _invalid("redirects from https to http; use a URL that stays with https")
    return target


def file_name(url: URL) -> str:
    """Return the last segment of the path, safe in file names and headers; `image` when empty."""
    return clean_file_name(url.name)


def clean_file_name(name: str) -> str:
    """Return what of a file name is safe in file names and headers; `image` when nothing is."""
    return _UNSAFE_IN_NAME.sub("-", name)[-_MAX_NAME_CHARACTERS:].strip(".-") or "image"


def _check_characters(text: str) -> None:
    # Categories C* and Z*: controls, invisible characters, lone surrogates and every kind of space.
    if "\\" in text or any(unicodedata.category(character)[0] in "CZ" for character in text):
        raise _invalid("contains a backslash, a space or a control character; percent-encode it")


def _check_host(host: str, *, is_bracketed: bool) -> None:
    try:
        if is_bracketed:
            IPv6Address(host)
        elif _NUMERIC_LABEL.fullmatch(host.rstrip(".").rpartition(".")[2]):
            IPv4Address(host)
    except ValueError as err:
        raise _invalid(
            "names its host by an odd number; write a usual IPv4 or IPv6 address"
        ) from err
    if "%" in host:
        raise _invalid("has a host with a zone or a percent sign; write it without")
    if not is_bracketed and (len(host) > _MAX_HOST_CHARACTERS or not _HOST_NAME.fullmatch(host)):
        raise _invalid("has a host that is neither a name nor an IP address")


def _invalid(fault: str) -> Problem:
    return Problem(400, "invalid_url", f"the URL {fault}")
