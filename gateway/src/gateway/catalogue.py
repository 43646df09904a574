"""Catalogue of errors, `errors.toml`: every code of an answer, when it comes, what to change."""

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from http import HTTPStatus
from importlib import resources
from string import Template

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One code, on which programs may branch."""

    statuses: tuple[int, ...]  # the HTTP statuses that it comes with
    when: str  # what happened
    remedy: str  # what the caller, or whoever runs the mesh, should do


@cache
def catalogue() -> Mapping[str, Fault]:
    """Return every fault by its code, in the order of the statuses."""
    content = (resources.files("gateway") / "errors.toml").read_bytes()
    return msgspec.toml.decode(content, type=dict[str, Fault])


def render_catalogue(page: str) -> str:
    """Return the page with a row of a table for every code in the place of `$rows`."""
    rows = "\n".join(_row(code, fault) for code, fault in catalogue().items())
    return Template(page).substitute(rows=rows)


def _row(code: str, fault: Fault) -> str:
    statuses = "<br>".join(f"{status} {HTTPStatus(status).phrase}" for status in fault.statuses)
    return (
        f'<tr id="{code}"><td>{statuses}</td>'
        f'<th scope="row"><a href="#{code}"><code>{code}</code></a></th>'
        f"<td>{_prose(fault.when)}</td><td>{_prose(fault.remedy)}</td></tr>"
    )


def _prose(text: str) -> str:
    # What stands in backticks in the sources is code on the page.
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
