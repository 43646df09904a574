"""The OpenAPI 3.1 document, made of the contract's Structs and the table of endpoints."""

from typing import Any, Final

import msgspec

from gateway import contract
from gateway.endpoints import ENDPOINTS, Endpoint
from gateway.hosted import RESULTS_PATH

LANGUAGES_PATH: Final = "/api/v1/languages"

_REF = "#/components/schemas/{name}"

# Every status beside 200 that an endpoint can answer, and when.
_ERRORS: Final = {
    400: "A parameter is unknown or has a bad value, the body is no JSON, or the URL is refused.",
    401: "The API key is missing, wrong, expired or revoked.",
    404: "A parameter is missing.",
    406: "The account's balance is insufficient.",
    413: "The body is over 64 KiB, or the picture is over 10 MiB.",
    415: "The body is no JSON, or the URL holds no picture of an accepted type.",
    422: "The picture cannot be read.",
    429: "Too many requests at once; try again later.",
    500: "The mesh failed.",
    502: "The URL could not be fetched.",
    503: "The service, its model or the language's data is not there now.",
    504: "The URL or the service took too long.",
}

Json = dict[str, Any]  # Any: a JSON document


def openapi_document() -> Json:
    """Return the document as JSON values."""
    kinds = [kind for endpoint in ENDPOINTS for kind in (endpoint.request, endpoint.answer)]
    kinds += [contract.LanguagesAnswer, contract.ErrorAnswer]
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_REF)
    paths = {endpoint.path: {"post": _operation(endpoint)} for endpoint in ENDPOINTS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "imagemesh",
            "version": "1.0.0",
            "summary": "Self-hosted image AI.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"ApiKey": []}],
        "paths": {**paths, **_other_paths()},
        "components": {
            "schemas": schemas,
            "securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
        },
    }


def _operation(endpoint: Endpoint) -> Json:
    return {
        "operationId": endpoint.path.rpartition("/")[2],
        "summary": endpoint.summary,
        "requestBody": {"required": True, "content": _content(endpoint.request)},
        "responses": {
            "200": {"description": "The answer.", "content": _content(endpoint.answer)},
            **{str(status): _error(text) for status, text in _ERRORS.items()},
        },
    }


def _other_paths() -> Json:
    parameter = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    pictures: Json = {"image/jpeg": {}, "image/png": {}}
    return {
        LANGUAGES_PATH: {
            "get": {
                "operationId": "languages",
                "summary": "List the language codes that /api/v1/ocr takes.",
                "responses": {
                    "200": {
                        "description": "The languages.",
                        "content": _content(contract.LanguagesAnswer),
                    },
                    **{
                        str(status): _error(_ERRORS[status]) for status in (401, 429, 500, 503, 504)
                    },
                },
            }
        },
        RESULTS_PATH + "/{name}": {
            "get": {
                "operationId": "result",
                "summary": "Download a coloured picture; its name is the secret.",
                "security": [],
                "parameters": [parameter],
                "responses": {
                    "200": {"description": "The picture.", "content": pictures},
                    "404": _error("There is no such result, or it has expired."),
                },
            }
        },
    }


def _content(kind: type[msgspec.Struct]) -> Json:
    return {"application/json": {"schema": {"$ref": _REF.format(name=kind.__name__)}}}


def _error(description: str) -> Json:
    return {"description": description, "content": _content(contract.ErrorAnswer)}
