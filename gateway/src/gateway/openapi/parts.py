"""Parts that the operations of the OpenAPI document share."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from contract.errors import ErrorAnswer

REF: Final = "#/components/schemas/{name}"

# Every status that an endpoint can answer an error with, and when.
ERRORS: Final = {
    400: "A parameter is unknown or has a bad value, the body is no JSON or no form, or the URL is "
    "refused.",
    401: "The API key is missing, wrong, expired or revoked.",
    403: "The API key has no scope for this endpoint, or the endpoint is switched off.",
    404: "A parameter is missing.",
    406: "The account's balance is insufficient.",
    408: "The headers or the body did not arrive in time.",
    409: "A request with the same Idempotency-Key is still running.",
    413: "The body is over its limit, or the image is over 10 MiB.",
    415: "The body is neither JSON nor a form, or there is no image of an accepted type.",
    422: "The image cannot be read, or the Idempotency-Key was used for another request.",
    429: "Too many requests, at once or in a time; try again later.",
    431: "The headers are over 64 KiB or 100 lines.",
    500: "The mesh failed.",
    502: "The URL could not be fetched.",
    503: "The service, its model, the language's data or a store of the gateway is away.",
    504: "The URL or the service took too long.",
    507: "The account keeps as much as it may, or the disk is full.",
}

IMAGES: Final = "images and texts"
JOBS: Final = "jobs"
ACCOUNT: Final = "account"
FILES: Final = "files"

Json = dict[str, Any]  # Any: a JSON document

IDEMPOTENCY_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Any words of yours. A request that is sent again with the same words within "
    "24 hours gets the same answer, with `Idempotency-Replayed: true`, and is charged once.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}

PREFER: Final[Json] = {
    "name": "Prefer",
    "in": "header",
    "description": "`respond-async` answers 202 with a job at once, and the job has the answer "
    "later (RFC 7240).",
    "schema": {"type": "string"},
}


def content(*kinds: type[msgspec.Struct]) -> Json:
    """Return the content that is JSON of this Struct, or of one of these."""
    refs = [{"$ref": REF.format(name=kind.__name__)} for kind in kinds]
    return {"application/json": {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}}}


def error(description: str) -> Json:
    """Return the response that is an error."""
    return {"description": description, "content": content(ErrorAnswer)}


def errors(statuses: Iterable[int]) -> Json:
    """Return the responses of these statuses."""
    return {
        str(status): {"$ref": f"#/components/responses/{error_name(status)}"} for status in statuses
    }


def error_name(status: int) -> str:
    """Return the name of the response of a status among the shared ones."""
    return f"Error{status}"


def in_path(name: str) -> Json:
    """Return the parameter that is a part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
