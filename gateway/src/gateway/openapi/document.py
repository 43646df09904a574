"""The OpenAPI 3.1 document, made of the table of endpoints and the Structs of the contract."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from contract.bulk import BulkRequest
from contract.endpoint import Endpoint
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
from gateway.catalogue import catalogue
from gateway.input.forms import FORM_TYPE, IMAGE_FIELD
from gateway.openapi.lookups import BULK_KINDS, bulk_form, bulk_paths, lookup_paths, webhooks
from gateway.openapi.parts import (
    ACCOUNT,
    ERRORS,
    FILES,
    IDEMPOTENCY_KEY,
    IMAGES,
    JOBS,
    PREFER,
    REF,
    Json,
    content,
    error,
    error_name,
    errors,
)

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

# A request holds its image in exactly one of its forms. As a `oneOf` of nothing but `required` it
# would leave the generators of clients without a model.
_ONE_IMAGE: Final[Json] = {
    "if": {"required": ["url"]},
    "then": {"not": {"required": [IMAGE_FIELD]}},
    "else": {"required": [IMAGE_FIELD]},
}
_DESCRIPTION: Final = """\
Send the API key in `X-API-Key`, or as `Authorization: Bearer KEY`.
An image is `url`, or `image` in base64, or the file `image` of a form.
A request that fails costs nothing.

- [Try each job on a page](/)
- [Errors](/docs/errors), with what to do about each
"""
_TAGS: Final = {
    IMAGES: "What the models do with an image, a document or a text.",
    JOBS: "Requests that are answered later.",
    ACCOUNT: "What this mesh offers and what the key's account has.",
    FILES: "Files that answers name.",
}


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
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This gateway."}],
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "security": [{"ApiKey": []}, {"Bearer": []}],
        "paths": {**paths, BATCH_PATH: {"post": _batch()}, **bulk_paths(), **lookup_paths()},
        "webhooks": webhooks(),
        "components": {
            "schemas": _schemas(endpoints),
            "responses": {error_name(status): error(words) for status, words in ERRORS.items()},
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
            schemas[name].update(_ONE_IMAGE)
            schemas[_form_name(endpoint)] = _form(schemas[name])
    item = schemas[BatchRequest.__name__]["properties"]["requests"]["items"]
    item["properties"] = {"endpoint": {"enum": [endpoint.name for endpoint in endpoints]}}
    item["required"] = ["endpoint"]
    schemas["BulkRequestForm"] = bulk_form(schemas[BulkRequest.__name__])
    code = schemas[ErrorBody.__name__]["properties"]["code"]
    code["enum"] = list(catalogue())
    _spell_tuples(schemas)
    return schemas


def _spell_tuples(schema: object) -> None:
    """Rewrite tuples of one type as bounded arrays, for generators that know no `prefixItems`."""
    if isinstance(schema, dict):
        if schema.get("prefixItems") and all(
            one == schema["prefixItems"][0] for one in schema["prefixItems"]
        ):
            schema["items"] = schema.pop("prefixItems")[0]
        for value in schema.values():
            _spell_tuples(value)
    elif isinstance(schema, list):
        for value in schema:
            _spell_tuples(value)


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
    bodies["application/json"]["examples"] = _example(endpoint.example_request())
    if endpoint.takes_image:
        bodies[FORM_TYPE] = {
            "schema": {"$ref": REF.format(name=_form_name(endpoint))},
            "examples": _example({IMAGE_FIELD: "@photo.jpg", **endpoint.example}),
        }
    return _posting(
        endpoint.name,
        endpoint.summary,
        description=endpoint.description,
        bodies=bodies,
        answers=endpoint.answers,
        error_answers=errors(ERRORS),
        tag=IMAGES,
    )


def _example(value: Json) -> Json:
    return {"smallest": {"summary": "The smallest request that is answered.", "value": value}}


def _batch() -> Json:
    return _posting(
        "batch",
        "Answer up to 16 requests at once, each with its own status.",
        bodies=_batch_bodies(),
        answers=(BatchAnswer,),
        error_answers=errors(_BATCH_ERRORS),
        tag=JOBS,
    )


def _batch_bodies() -> Json:
    bodies = content(BatchRequest)
    endpoint = next(one for one in ENDPOINTS if one.takes_image)
    item = {"endpoint": endpoint.name, **endpoint.example_request()}
    bodies["application/json"]["examples"] = _example({"requests": [item]})
    return bodies


def _posting(
    name: str,
    summary: str,
    *,
    description: str = "",
    bodies: Json,
    answers: Sequence[type[msgspec.Struct]],
    error_answers: Json,
    tag: str,
) -> Json:
    later = {
        "description": "It is answered later, by the job at `Location`.",
        "headers": {"Location": {"schema": {"type": "string"}}},
        "content": content(JobAnswer),
    }
    return {
        "operationId": name,
        "tags": [tag],
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
