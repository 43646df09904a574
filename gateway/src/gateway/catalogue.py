"""The catalogue of errors: every code of an answer, when it comes, and what to change."""

import re
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from string import Template
from typing import Final


@dataclass(frozen=True, slots=True)
class Fault:
    """One code.

    Attributes:
        code: stable; programs may branch on it.
        statuses: the HTTP statuses that it comes with.
        when: what happened.
        remedy: what the caller, or whoever runs the mesh, should do.
    """

    code: str
    statuses: tuple[int, ...]
    when: str
    remedy: str


CATALOGUE: Final = (
    Fault(
        "malformed_json",
        (400,),
        "The body is no JSON object in UTF-8.",
        'Send one, such as {"url": "https://example.com/image.jpg"}.',
    ),
    Fault(
        "malformed_form",
        (400,),
        "The upload is no well-formed multipart/form-data, or it ended too early.",
        "Let your HTTP client make the form; send the whole of it.",
    ),
    Fault(
        "unknown_parameter",
        (400,),
        "The body has a field that the endpoint does not know.",
        "Leave it out, or correct its name; the message lists those that are known.",
    ),
    Fault(
        "invalid_parameter",
        (400,),
        "A parameter has a wrong type, is out of range, or does not go with another.",
        "Change it as the message says.",
    ),
    Fault(
        "invalid_request",
        (400,),
        "The service that answers found a value out of its range.",
        "Change it as the message says.",
    ),
    Fault(
        "unsupported_language",
        (400,),
        "`lang` is none of the languages that can be read.",
        "Take a code of GET /api/v1/languages; the message names those that look alike.",
    ),
    Fault(
        "invalid_url",
        (400,),
        "The URL is no http or https URL that could be fetched.",
        "Change it as the message says: its scheme, its port, or the user name in it.",
    ),
    Fault(
        "forbidden_url",
        (400,),
        "The URL leads to an address that is not public.",
        "Send the image itself; or whoever runs the mesh allows the network.",
    ),
    Fault(
        "malformed_request",
        (400,),
        "The request is not valid HTTP/1.1, or its body is not the gzip that it announces.",
        "Let an HTTP client make it; send the whole of it.",
    ),
    Fault(
        "invalid_idempotency_key",
        (400,),
        "The Idempotency-Key is not 1 to 255 visible ASCII characters, or this gateway keeps "
        "nothing.",
        "Change the header, or leave it out.",
    ),
    Fault(
        "missing_api_key",
        (401,),
        "The request has no API key.",
        "Send it in the header X-API-Key, or as Authorization: Bearer.",
    ),
    Fault(
        "invalid_api_key",
        (401,),
        "The API key is wrong, expired or revoked; which of them is not told.",
        "Send a good key; whoever runs the mesh makes one.",
    ),
    Fault(
        "scope_missing",
        (403,),
        "The API key is limited to other endpoints.",
        "Use a key with the scope that the message names.",
    ),
    Fault(
        "endpoint_off",
        (403,),
        "Whoever runs the mesh has switched this endpoint off.",
        "Ask them; GET /api/v1/capabilities lists what is on.",
    ),
    Fault(
        "forbidden_source",
        (403,),
        "The account may not read the source of a bulk job.",
        "Name one that whoever runs the mesh allows in GATEWAY_BULK_SOURCES.",
    ),
    Fault(
        "unknown_client",
        (403,),
        "Native gRPC: the certificate is good, but its SPIFFE id may not call.",
        "Call with one that may, or send an API key.",
    ),
    Fault(
        "metered_account",
        (403,),
        "Native gRPC: the account pays with credits, which are charged over REST alone.",
        "Ask over REST, or with the key of an account that is not metered.",
    ),
    Fault(
        "missing_parameter",
        (404,),
        "A parameter that the endpoint needs is missing.",
        "Add the one that the message names.",
    ),
    Fault(
        "not_found",
        (404,),
        "There is nothing at this path, or it has expired.",
        "Look at the path; GET /openapi.json lists what there is.",
    ),
    Fault(
        "method_not_allowed",
        (405,),
        "The path does not take this method.",
        "Use one of those in the header Allow.",
    ),
    Fault(
        "insufficient_balance",
        (406,),
        "The account has fewer credits than the request costs.",
        "Credit the account; GET /api/v1/usage says what it has.",
    ),
    Fault(
        "body_timeout",
        (408,),
        "The body did not arrive in time.",
        "Send it faster, or smaller.",
    ),
    Fault(
        "headers_timeout",
        (408,),
        "The headers did not arrive in time.",
        "Send them faster.",
    ),
    Fault(
        "request_in_progress",
        (409,),
        "A request with the same Idempotency-Key is still running.",
        "Wait for it, then ask again.",
    ),
    Fault(
        "body_too_large",
        (413,),
        "The body is over its limit.",
        "Send less; the message has the limit.",
    ),
    Fault(
        "image_too_large",
        (413,),
        "The image is over 10 MiB.",
        "Send a smaller file.",
    ),
    Fault(
        "unsupported_media_type",
        (415,),
        "The body is neither JSON nor a form, has an encoding other than gzip, or brings no image "
        "of an accepted type.",
        "Send JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or JPEG 2000, to ocr and analyzed-ocr also "
        "PDF; the first bytes decide, not the name.",
    ),
    Fault(
        "unreadable_image",
        (422,),
        "The image or PDF is damaged, has more pixels than the limit, or asks for a password.",
        "Send a whole one, a smaller one, or one without a password.",
    ),
    Fault(
        "idempotency_key_reused",
        (422,),
        "The Idempotency-Key was used for another request.",
        "Take a new key for a new request.",
    ),
    Fault(
        "rate_limited",
        (429,),
        "The key or its account has used up its requests of this time.",
        "Wait as long as Retry-After says.",
    ),
    Fault(
        "overloaded",
        (429, 503),
        "As much is waiting as may wait; 503 where it is the look-up of host names, or where too "
        "many connections are open.",
        "Wait as long as Retry-After says, longer each time.",
    ),
    Fault(
        "headers_too_large",
        (431,),
        "The first line and the headers are over 64 KiB, or there are over 100 headers.",
        "Send fewer or shorter headers.",
    ),
    Fault(
        "internal",
        (500,),
        "The mesh failed, by no fault of the request.",
        "Report the request id to whoever runs the mesh; its logs have the trace.",
    ),
    Fault(
        "fetch_failed",
        (502,),
        "The server of the URL could not be reached, or did not answer with the image.",
        "Look at the URL, or send the image itself.",
    ),
    Fault(
        "unavailable",
        (503,),
        "The service, or a store of the gateway, is starting, stopping or away.",
        "Try again.",
    ),
    Fault(
        "not_installed",
        (503,),
        "The service lacks something that can be installed.",
        "Whoever runs the mesh installs what the message names.",
    ),
    Fault(
        "model_not_installed",
        (503,),
        "The model's file is missing.",
        "Whoever runs the mesh pulls it: imagemesh models pull.",
    ),
    Fault(
        "language_not_installed",
        (503,),
        "The language's data is missing.",
        "Whoever runs the mesh installs the package that the message names.",
    ),
    Fault(
        "job_abandoned",
        (503,),
        "Every worker that tried the job stopped before its end; nothing was charged.",
        "Send the request again; whoever runs the mesh can queue the job again.",
    ),
    Fault(
        "jobs_unavailable",
        (503,),
        "The queue of asynchronous jobs is away; nothing was taken.",
        "Try again later, or without Prefer: respond-async.",
    ),
    Fault(
        "fetch_timeout",
        (504,),
        "The server of the URL was too slow.",
        "Try again, or send the image itself.",
    ),
    Fault(
        "deadline_exceeded",
        (504,),
        "The answer was not ready in time.",
        "Try again, with a smaller image, or later with Prefer: respond-async.",
    ),
    Fault(
        "storage_full",
        (507,),
        "The account keeps as many results and answers as it may, or the disk is full.",
        "Delete results (DELETE /api/v1/results/{name}), or wait until some expire.",
    ),
)


def render_catalogue(page: str) -> str:
    """Return the page with a row of a table for every code in the place of `$rows`."""
    return Template(page).substitute(rows="\n".join(_row(fault) for fault in CATALOGUE))


def _row(fault: Fault) -> str:
    statuses = "<br>".join(f"{status} {HTTPStatus(status).phrase}" for status in fault.statuses)
    return (
        f'<tr id="{fault.code}"><td>{statuses}</td>'
        f'<th scope="row"><a href="#{fault.code}"><code>{fault.code}</code></a></th>'
        f"<td>{_prose(fault.when)}</td><td>{_prose(fault.remedy)}</td></tr>"
    )


def _prose(text: str) -> str:
    # What stands in backticks in the sources is code on the page.
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
