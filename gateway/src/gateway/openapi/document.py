"""The OpenAPI 3.1 document, made of the contract's Structs and the table of endpoints."""

from collections.abc import Collection, Sequence

import msgspec

from gateway import contract, job_contract
from gateway.accounts.scopes import endpoint_name
from gateway.catalogue import CATALOGUE
from gateway.input.forms import FORM_TYPE, IMAGE_FIELD
from gateway.openapi.lookups import lookup_paths, webhooks
from gateway.openapi.parts import ERRORS, IDEMPOTENCY_KEY, PREFER, REF, Json, content, errors
from gateway.requests.capabilities import CapabilitiesAnswer
from gateway.requests.endpoints import ENDPOINTS, Endpoint
from gateway.requests.handling import BATCH_PATH

_OTHER_KINDS = (
    job_contract.BatchRequest,
    job_contract.BatchAnswer,
    job_contract.JobAnswer,
    job_contract.WebhookSecretAnswer,
    CapabilitiesAnswer,
    contract.LanguagesAnswer,
    contract.UsageAnswer,
    contract.ErrorAnswer,
)

# What a batch as a whole is refused with; its requests have their own statuses.
_BATCH_ERRORS = (400, 401, 404, 408, 409, 413, 415, 422, 429, 500, 503)

# A request holds its picture in exactly one of its forms.
_ONE_PICTURE = [{"required": ["url"]}, {"required": [IMAGE_FIELD]}]


def openapi_document(*, off: Collection[str] = ()) -> Json:
    """Return the document as JSON values, without the endpoints whose names are in `off`."""
    paths = {
        endpoint.path: {"post": _operation(endpoint)}
        for endpoint in ENDPOINTS
        if endpoint_name(endpoint.path) not in off
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "imagemesh",
            "version": "1.0.0",
            "summary": "Self-hosted image AI.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"ApiKey": []}],
        "paths": {**paths, BATCH_PATH: {"post": _batch()}, **lookup_paths()},
        "webhooks": webhooks(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
        },
    }


def _schemas() -> Json:
    kinds = [
        kind
        for endpoint in ENDPOINTS
        for kind in (endpoint.request, endpoint.answer, *endpoint.other_answers)
    ]
    _, schemas = msgspec.json.schema_components([*kinds, *_OTHER_KINDS], ref_template=REF)
    for endpoint in ENDPOINTS:
        if _takes_picture(endpoint):
            name = endpoint.request.__name__
            schemas[name]["oneOf"] = _ONE_PICTURE
            schemas[_form_name(endpoint)] = _form(schemas[name])
    item = schemas[job_contract.BatchRequest.__name__]["properties"]["requests"]["items"]
    names = [endpoint_name(endpoint.path) for endpoint in ENDPOINTS]
    item["properties"] = {"endpoint": {"enum": names}}
    item["required"] = ["endpoint"]
    code = schemas[contract.ErrorBody.__name__]["properties"]["code"]
    code["enum"] = [fault.code for fault in CATALOGUE]
    return schemas


def _form(fields: Json) -> Json:
    """Return the schema of a form with these fields, its picture a file."""
    file = {
        "description": "The picture itself as a file instead of `url`, 10 MiB at most.",
        "contentMediaType": "application/octet-stream",
    }
    properties = {**fields["properties"], IMAGE_FIELD: file}
    return {**fields, "title": fields["title"] + "Form", "properties": properties}


def _operation(endpoint: Endpoint) -> Json:
    bodies = content(endpoint.request)
    if _takes_picture(endpoint):
        bodies[FORM_TYPE] = {"schema": {"$ref": REF.format(name=_form_name(endpoint))}}
    return _posting(
        endpoint_name(endpoint.path),
        endpoint.summary,
        description=endpoint.description,
        bodies=bodies,
        answers=(endpoint.answer, *endpoint.other_answers),
        error_answers=errors(ERRORS),
    )


def _batch() -> Json:
    return _posting(
        "batch",
        "Answer up to 16 requests at once, each with its own status.",
        bodies=content(job_contract.BatchRequest),
        answers=(job_contract.BatchAnswer,),
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
        "content": content(job_contract.JobAnswer),
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


def _takes_picture(endpoint: Endpoint) -> bool:
    return issubclass(endpoint.request, contract.Request)


def _form_name(endpoint: Endpoint) -> str:
    return endpoint.request.__name__ + "Form"
