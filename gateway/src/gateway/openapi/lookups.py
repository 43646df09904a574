"""Paths of the OpenAPI document that ask no model: lists, jobs, results and webhooks."""

from collections.abc import Sequence

import msgspec

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
from gateway.hosting.hosted import DOCUMENTS_PATH, RESULTS_PATH
from gateway.openapi.parts import ACCOUNT, FILES, JOBS, Json, content, error, errors, in_path

_WITH_KEY = (401, 429, 500, 503)
_NO_JOB = "There is no such job of this account, or it has expired."
_NO_RESULT = "There is no such result, or it has expired."


def lookup_paths() -> Json:
    """Return the paths."""
    return {
        CAPABILITIES_PATH: _listing(
            "capabilities",
            "Say what this mesh can do now, with which models and at what price.",
            answer=CapabilitiesAnswer,
            statuses=_WITH_KEY,
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
            statuses=_WITH_KEY,
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


def _job_path() -> Json:
    get = {
        "operationId": "job",
        "tags": [JOBS],
        "summary": "Say how far a job is, and its answer when it has ended.",
        "parameters": [in_path("id")],
        "responses": {
            "200": {"description": "The job.", "content": content(JobAnswer)},
            "404": error(_NO_JOB),
            **errors(_WITH_KEY),
        },
    }
    return {
        "get": get,
        "delete": _deletion("cancel-job", "End and forget a job.", "id", _NO_JOB, tag=JOBS),
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
    name: str, summary: str, *, answer: type[msgspec.Struct], statuses: Sequence[int]
) -> Json:
    """Return the path of a GET without parameters."""
    return {
        "get": {
            "operationId": name,
            "tags": [ACCOUNT],
            "summary": summary,
            "responses": {
                "200": {"description": "The answer.", "content": content(answer)},
                **errors(statuses),
            },
        }
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
