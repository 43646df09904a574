"""Paths of the OpenAPI document about bulk jobs."""

from typing import Final

from contract.bulk import (
    BULK_PATH,
    BulkAnswer,
    BulkEstimateAnswer,
    BulkLine,
    BulkPageAnswer,
    BulkRequest,
)
from gateway.bulk.uploads import ARCHIVE, MANIFEST
from gateway.input.forms import FORM_TYPE
from gateway.openapi.parts import IDEMPOTENCY_KEY, JOBS, REF, Json, content, error, errors, in_path

BULK_KINDS: Final = (BulkRequest, BulkAnswer, BulkEstimateAnswer, BulkPageAnswer, BulkLine)

_WITH_KEY: Final = (401, 429, 500, 503)
_POST: Final = (400, 401, 403, 404, 406, 408, 409, 413, 415, 422, 429, 500, 503, 507)
_MISSING: Final = "There is no such bulk job of this account, or it has expired."


def bulk_paths() -> Json:
    """Return the paths."""
    one = BULK_PATH + "/{id}"
    get = _get("bulk", "Say how far a bulk job is.", content(BulkAnswer))
    delete = {
        "operationId": "cancel-bulk",
        "tags": [JOBS],
        "summary": "End and forget a bulk job.",
        "parameters": [in_path("id")],
        "responses": {
            "204": {"description": "It is gone."},
            "404": error(_MISSING),
            **errors(_WITH_KEY),
        },
    }
    events = _get(
        "bulk-events",
        "Say how far a bulk job is, as server-sent events until it has ended.",
        {"text/event-stream": {}},
    )
    line = {"schema": {"$ref": REF.format(name=BulkLine.__name__)}}
    output = _get(
        "bulk-output",
        "Download the output of a bulk job that has ended, a line for each item in order.",
        {"application/jsonl": line},
    )
    output["responses"]["409"] = error("The bulk job has not ended.")
    return {
        BULK_PATH: {"get": _listing(), "post": _post()},
        one: {"get": get, "delete": delete},
        one + "/events": {"get": events},
        one + "/output": {"get": output},
    }


def bulk_form(fields: Json) -> Json:
    """Return the schema of a form with these fields of `BulkRequest`, and the file behind them."""
    names = {ARCHIVE: "ZIP of images", MANIFEST: 'JSON Lines, each {"url": ...} or {"key": ...}'}
    files = {
        name: {
            "description": f"{what}, as the last field of the form.",
            "contentMediaType": "application/octet-stream",
        }
        for name, what in names.items()
    }
    texts = {**fields["properties"], "parameters": {"type": "string", "description": "JSON."}}
    return {**fields, "title": "BulkRequestForm", "properties": {**texts, **files}}


def _post() -> Json:
    bodies = content(BulkRequest)
    bodies[FORM_TYPE] = {"schema": {"$ref": REF.format(name="BulkRequestForm")}}
    return {
        "operationId": "submit-bulk",
        "tags": [JOBS],
        "summary": "Ask one endpoint about the images of an archive, a manifest or a folder.",
        "parameters": [IDEMPOTENCY_KEY],
        "requestBody": {"required": True, "content": bodies},
        "responses": {
            "200": {
                "description": "The estimate of `dry_run`.",
                "content": content(BulkEstimateAnswer),
            },
            "202": {
                "description": "The bulk job, which is at `Location`.",
                "headers": {"Location": {"schema": {"type": "string"}}},
                "content": content(BulkAnswer),
            },
            **errors(_POST),
        },
    }


def _listing() -> Json:
    return {
        "operationId": "bulks",
        "tags": [JOBS],
        "summary": "List the account's 100 newest bulk jobs.",
        "responses": {
            "200": {"description": "The jobs.", "content": content(BulkPageAnswer)},
            **errors(_WITH_KEY),
        },
    }


def _get(name: str, summary: str, answer: Json) -> Json:
    return {
        "operationId": name,
        "tags": [JOBS],
        "summary": summary,
        "parameters": [in_path("id")],
        "responses": {
            "200": {"description": "The answer.", "content": answer},
            "404": error(_MISSING),
            **errors(_WITH_KEY),
        },
    }
