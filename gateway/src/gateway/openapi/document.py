"""The OpenAPI 3.1 document, made of the table of endpoints and the Structs of the contract."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from contract.bulk import BulkRequest
from contract.endpoint import Endpoint, PageView
from contract.errors import ErrorAnswer, ErrorBody
from contract.jobs import (
    BATCH_PATH,
    BatchAnswer,
    BatchRequest,
    JobAnswer,
    JobPageAnswer,
    WebhookSecretAnswer,
)
from contract.lookups import CapabilitiesAnswer, LanguagesAnswer, UsageAnswer
from contract.table import ENDPOINTS
from gateway.catalogue import CATALOGUE
from gateway.input.forms import FORM_TYPE, IMAGE_FIELD
from gateway.openapi.bulk import BULK_KINDS, bulk_form, bulk_paths
from gateway.openapi.lookups import lookup_paths, webhooks
from gateway.openapi.parts import ERRORS, IDEMPOTENCY_KEY, PREFER, REF, Json, content, errors

_OTHER_KINDS: Final = (
    *BULK_KINDS,
    BatchRequest,
    BatchAnswer,
    JobAnswer,
    JobPageAnswer,
    WebhookSecretAnswer,
    CapabilitiesAnswer,
    LanguagesAnswer,
    UsageAnswer,
    ErrorAnswer,
)

# What a batch as a whole is refused with; its requests have their own statuses.
_BATCH_ERRORS: Final = (400, 401, 404, 408, 409, 413, 415, 422, 429, 500, 503)

# A request holds its image in exactly one of its forms.
_ONE_IMAGE: Final = [{"required": ["url"]}, {"required": [IMAGE_FIELD]}]


def openapi_document(
    *, off: Collection[str] = (), endpoints: Sequence[Endpoint] = ENDPOINTS
) -> Json:
    """Return the document as JSON values, without the endpoints whose names are in `off`."""
    paths = {
        endpoint.path: {"post": _operation(endpoint)}
        for endpoint in endpoints
        if endpoint.name not in off
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "imagemesh",
            "version": "1.0.0",
            "summary": "Self-hosted image AI.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"ApiKey": []}, {"Bearer": []}],
        "paths": {**paths, BATCH_PATH: {"post": _batch()}, **bulk_paths(), **lookup_paths()},
        "webhooks": webhooks(),
        "components": {
            "schemas": _schemas(endpoints),
            "securitySchemes": {
                "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "Bearer": {"type": "http", "scheme": "bearer", "description": "The API key."},
            },
        },
    }


def _schemas(endpoints: Sequence[Endpoint]) -> Json:
    kinds = [kind for endpoint in endpoints for kind in (endpoint.request, *endpoint.answers)]
    _, schemas = msgspec.json.schema_components([*kinds, *_OTHER_KINDS], ref_template=REF)
    for endpoint in endpoints:
        if endpoint.takes_image:
            name = endpoint.request.__name__
            schemas[name]["oneOf"] = _ONE_IMAGE
            schemas[_form_name(endpoint)] = _form(schemas[name])
    item = schemas[BatchRequest.__name__]["properties"]["requests"]["items"]
    item["properties"] = {"endpoint": {"enum": [endpoint.name for endpoint in endpoints]}}
    item["required"] = ["endpoint"]
    schemas["BulkRequestForm"] = bulk_form(schemas[BulkRequest.__name__])
    code = schemas[ErrorBody.__name__]["properties"]["code"]
    code["enum"] = [fault.code for fault in CATALOGUE]
    return schemas


def _form(fields: Json) -> Json:
    """Return the schema of a form with these fields, its image a file."""
    file = {
        "description": "The image itself as a file instead of `url`, 10 MiB at most.",
        "contentMediaType": "application/octet-stream",
    }
    properties = {**fields["properties"], IMAGE_FIELD: file}
    return {**fields, "title": fields["title"] + "Form", "properties": properties}


def _operation(endpoint: Endpoint) -> Json:
    bodies = content(endpoint.request)
    bodies["application/json"]["example"] = endpoint.example_request()
    if endpoint.takes_image:
        bodies[FORM_TYPE] = {"schema": {"$ref": REF.format(name=_form_name(endpoint))}}
    return {
        **_posting(
            endpoint.name,
            endpoint.summary,
            description=endpoint.description,
            bodies=bodies,
            answers=endpoint.answers,
            error_answers=errors(ERRORS),
        ),
        # The page at `/` makes its form of this.
        **({"x-page": _page(endpoint.page)} if endpoint.page else {}),
    }


def _page(page: PageView) -> Json:
    return {"label": page.label, "answer": page.answer, "fields": [*page.fields]}


def _batch() -> Json:
    return _posting(
        "batch",
        "Answer up to 16 requests at once, each with its own status.",
        bodies=content(BatchRequest),
        answers=(BatchAnswer,),
        error_answers=errors(_BATCH_ERRORS),
    )


def _posting(
    name: str,
    summary: str,
    *,
    description: str = "",
    bodies: Json,
    answers: Sequence[type[msgspec.Struct]],
    error_answers: Json,
) -> Json:
    later = {
        "description": "It is answered later, by the job at `Location`.",
        "headers": {"Location": {"schema": {"type": "string"}}},
        "content": content(JobAnswer),
    }
    return {
        "operationId": name,
        "summary": summary,
        **({"description": description} if description else {}),
        "parameters": [IDEMPOTENCY_KEY, PREFER],
        "requestBody": {"required": True, "content": bodies},
        "responses": {
            "200": {"description": "The answer.", "content": content(*answers)},
            "202": later,
            **error_answers,
        },
    }


def _form_name(endpoint: Endpoint) -> str:
    return endpoint.request.__name__ + "Form"
