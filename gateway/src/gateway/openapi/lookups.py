"""Paths of the OpenAPI document that ask no model: lists, jobs, bulk jobs, results and webhooks."""

from collections.abc import Sequence
from typing import Final

import msgspec

from contract.bulk import (
    BULK_PATH,
    BulkAnswer,
    BulkEstimateAnswer,
    BulkLine,
    BulkPageAnswer,
    BulkRequest,
)
from contract.jobs import JOBS_PATH, JobAnswer, JobPageAnswer, WebhookSecretAnswer
from contract.lookups import (
    CAPABILITIES_PATH,
    LANGUAGES_PATH,
    OWN_RESULTS_PATH,
    USAGE_PATH,
    WEBHOOKS_PATH,
    CapabilitiesAnswer,
    LanguagesAnswer,
    UsageAnswer,
)
from gateway.bulk.uploads import ARCHIVE, MANIFEST
from gateway.hosting.hosted import DOCUMENTS_PATH, RESULTS_PATH
from gateway.input.forms import FORM_TYPE
from gateway.openapi.parts import (
    ACCOUNT,
    FILES,
    IDEMPOTENCY_KEY,
    JOBS,
    REF,
    Json,
    content,
    error,
    errors,
    in_path,
)

BULK_KINDS: Final = (BulkRequest, BulkAnswer, BulkEstimateAnswer, BulkPageAnswer, BulkLine)

_WITH_KEY: Final = (401, 429, 500, 503)
_BULK_ERRORS: Final = (400, 401, 403, 404, 406, 408, 409, 413, 415, 422, 429, 500, 503, 507)
_NO_JOB: Final = "There is no such job of this account, or it has expired."
_NO_BULK: Final = "There is no such bulk job of this account, or it has expired."
_NO_RESULT: Final = "There is no such result, or it has expired."


def lookup_paths() -> Json:
    """Return the paths."""
    return {
        CAPABILITIES_PATH: _listing(
            "capabilities",
            "Say what this mesh can do now, with which models and at what price.",
            answer=CapabilitiesAnswer,
        ),
        LANGUAGES_PATH: _listing(
            "languages",
            "List the language codes that /api/v1/ocr takes.",
            answer=LanguagesAnswer,
            statuses=(*_WITH_KEY, 504),
        ),
        USAGE_PATH: _listing(
            "usage",
            "Say what the key's account has and what it did in the last 31 days.",
            answer=UsageAnswer,
        ),
        JOBS_PATH: {"get": _jobs()},
        JOBS_PATH + "/{id}": _job_path(),
        OWN_RESULTS_PATH + "/{name}": {
            "delete": _deletion(
                "delete-result", "Delete a hosted result.", "name", _NO_RESULT, tag=FILES
            )
        },
        WEBHOOKS_PATH: _listing(
            "webhook-secret",
            "Say what the webhooks of the key's account are signed with (standardwebhooks.com).",
            answer=WebhookSecretAnswer,
            statuses=(400, *_WITH_KEY),
        ),
        RESULTS_PATH + "/{name}": _result_path(
            "result", "Download a colored image", "image/jpeg", "image/png"
        ),
        DOCUMENTS_PATH + "/{name}": _result_path("document", "Download a PDF", "application/pdf"),
    }


def _job_path() -> Json:
    words = "Say how far a job is, and its answer when it has ended."
    return {
        "get": _one("job", words, content(JobAnswer), missing=_NO_JOB),
        "delete": _deletion("cancel-job", "End and forget a job.", "id", _NO_JOB, tag=JOBS),
    }


def bulk_paths() -> Json:
    """Return the paths of bulk jobs."""
    listing = _listing(
        "bulks", "List the account's 100 newest bulk jobs.", answer=BulkPageAnswer, tag=JOBS
    )
    progress = _one("bulk", "Say how far a bulk job is.", content(BulkAnswer), missing=_NO_BULK)
    events = _one(
        "bulk-events",
        "Say how far a bulk job is, as server-sent events until it has ended.",
        {"text/event-stream": {}},
        missing=_NO_BULK,
    )
    line = {"schema": {"$ref": REF.format(name=BulkLine.__name__)}}
    output = _one(
        "bulk-output",
        "Download the output of a bulk job that has ended, a line for each item in order.",
        {"application/jsonl": line},
        missing=_NO_BULK,
    )
    output["responses"]["409"] = error("The bulk job has not ended.")
    delete = _deletion("cancel-bulk", "End and forget a bulk job.", "id", _NO_BULK, tag=JOBS)
    one = BULK_PATH + "/{id}"
    return {
        BULK_PATH: {**listing, "post": _submit_bulk()},
        one: {"get": progress, "delete": delete},
        one + "/events": {"get": events},
        one + "/output": {"get": output},
    }


def webhooks() -> Json:
    """Return the requests that the gateway itself sends."""
    described = {
        "Webhook-Id": "The job's id; the same for every attempt.",
        "Webhook-Timestamp": "When this attempt was made, in seconds since 1970.",
        "Webhook-Signature": "`v1,` and the base64 of the HMAC-SHA256 over "
        "`{id}.{timestamp}.{body}`.",
    }
    post = {
        "operationId": "job-ended",
        "summary": "A job with a `webhook` has ended; answer 2xx, or it is sent again.",
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
            for name, text in described.items()
        ],
        "requestBody": {"required": True, "content": content(JobAnswer)},
        "responses": {"2XX": {"description": "Taken."}},
    }
    return {"job-ended": {"post": post}}


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


def _jobs() -> Json:
    """Return the operation that lists jobs."""
    parameters = {
        "status": (
            "Only jobs in this state.",
            {"enum": ["queued", "running", "succeeded", "failed"]},
        ),
        "limit": ("Most jobs of a page.", {"type": "integer", "minimum": 1, "maximum": 100}),
        "after": ("The `next` of the page before.", {"type": "string"}),
    }
    return {
        "operationId": "jobs",
        "tags": [JOBS],
        "summary": "List the account's jobs without their answers, newest first.",
        "parameters": [
            {"name": name, "in": "query", "description": text, "schema": schema}
            for name, (text, schema) in parameters.items()
        ],
        "responses": {
            "200": {"description": "A page of jobs.", "content": content(JobPageAnswer)},
            **errors((400, *_WITH_KEY)),
        },
    }


def _submit_bulk() -> Json:
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
            **errors(_BULK_ERRORS),
        },
    }


def _result_path(name: str, summary: str, *media_types: str) -> Json:
    get = {
        "operationId": name,
        "tags": [FILES],
        "summary": f"{summary}; its name is the secret.",
        "security": [],
        "parameters": [in_path("name")],
        "responses": {
            "200": {"description": "The file.", "content": {name: {} for name in media_types}},
            "404": error(_NO_RESULT),
        },
    }
    return {"get": get}


def _listing(
    name: str,
    summary: str,
    *,
    answer: type[msgspec.Struct],
    statuses: Sequence[int] = _WITH_KEY,
    tag: str = ACCOUNT,
) -> Json:
    """Return the path of a GET without parameters."""
    return {
        "get": {
            "operationId": name,
            "tags": [tag],
            "summary": summary,
            "responses": {
                "200": {"description": "The answer.", "content": content(answer)},
                **errors(statuses),
            },
        }
    }


def _one(name: str, summary: str, answer: Json, *, missing: str) -> Json:
    """Return the operation that asks for a job by its id."""
    return {
        "operationId": name,
        "tags": [JOBS],
        "summary": summary,
        "parameters": [in_path("id")],
        "responses": {
            "200": {"description": "The answer.", "content": answer},
            "404": error(missing),
            **errors(_WITH_KEY),
        },
    }


def _deletion(name: str, summary: str, parameter: str, missing: str, *, tag: str) -> Json:
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "parameters": [in_path(parameter)],
        "responses": {
            "204": {"description": "It is gone."},
            "404": error(missing),
            **errors(_WITH_KEY),
        },
    }
