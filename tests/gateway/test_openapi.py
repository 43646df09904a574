"""The OpenAPI document: valid, complete, and true of real requests and answers."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import (  # type: ignore[import-untyped]  # it ships no stubs
    Draft202012Validator,
    ValidationError,
)

from contract.table import ENDPOINT_NAMES
from gateway.openapi.document import openapi_document
from tests.gateway.origin import IMAGE
from tests.gateway.running import Gateway
from tests.gateway.services import NO_FACE, NOT_ENGLISH
from tests.gateway.uploads import base64, defer, ended

Json = dict[str, Any]  # Any: a JSON document

DOCUMENT = openapi_document()
POSTS = sorted(ENDPOINT_NAMES)
# A program of somebody who has the generated package alone.
GENERATED = """
import sys
from imagemesh_client import AuthenticatedClient
from imagemesh_client.api.images_and_texts import classify
from imagemesh_client.models import ClassifyRequest
url, key = sys.argv[1:]
with AuthenticatedClient(url, key) as client:
    image = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    answer = classify.sync(client=client, body=ClassifyRequest(image=image, limit=1))
print(answer.result[0].tag)
"""
ANSWERS = [
    *("200", "202", "400", "401", "403", "404", "406", "408", "409", "413", "415", "422"),
    *("429", "431", "500", "502", "503", "504", "507"),
]


def operation(path: str) -> Json:
    (found,) = DOCUMENT["paths"][path].values()
    return dict(found)


def validator(content: Json) -> Draft202012Validator:
    """Return a validator for the JSON of a request or an answer of the document."""
    schema = {
        **shared(content)["content"]["application/json"]["schema"],
        "components": DOCUMENT["components"],
    }
    return Draft202012Validator(schema)


def shared(response: Json) -> Json:
    """Return the response itself, or the one of the components that it refers to."""
    name = response.get("$ref", "").rpartition("/")[2]
    found: Json = DOCUMENT["components"]["responses"][name] if name else response
    return found


def request_validator(endpoint: str) -> Draft202012Validator:
    return validator(operation(f"/api/v1/{endpoint}")["requestBody"])


def answer_validator(path: str, status: str = "200") -> Draft202012Validator:
    return validator(operation(path)["responses"][status])


async def test_document_is_served_without_a_key(gateway: Gateway) -> None:
    reply = await gateway.send("GET", "/openapi.json")

    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json == DOCUMENT


def test_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"].keys() >= {"title", "version"}
    assert DOCUMENT["components"]["securitySchemes"]["ApiKey"] == {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
    }
    assert DOCUMENT["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"
    assert DOCUMENT["security"] == [{"ApiKey": []}, {"Bearer": []}]


def test_schemas_names_and_tags_are_valid() -> None:
    operations = [found for path in DOCUMENT["paths"].values() for found in path.values()]
    names = [found["operationId"] for found in operations]

    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert len(set(names)) == len(names)
    assert {name for found in operations for name in found["tags"]} == {
        tag["name"] for tag in DOCUMENT["tags"]
    }


def test_every_endpoint_is_there() -> None:
    assert set(DOCUMENT["paths"]) == {
        *(f"/api/v1/{endpoint}" for endpoint in POSTS),
        "/api/v1/batch",
        "/api/v1/bulk",
        "/api/v1/bulk/{id}",
        "/api/v1/bulk/{id}/events",
        "/api/v1/bulk/{id}/output",
        "/api/v1/capabilities",
        "/api/v1/jobs",
        "/api/v1/jobs/{id}",
        "/api/v1/languages",
        "/api/v1/results/{name}",
        "/api/v1/usage",
        "/api/v1/webhook-secret",
        "/content/colorized/{name}",
        "/content/documents/{name}",
    }


@pytest.mark.parametrize("endpoint", POSTS)
def test_every_status_of_an_endpoint_is_there(endpoint: str) -> None:
    responses = operation(f"/api/v1/{endpoint}")["responses"]

    assert list(responses) == ANSWERS
    assert all(shared(response)["description"] for response in responses.values())


@pytest.mark.parametrize("endpoint", POSTS)
def test_request_schema_refuses_what_the_gateway_refuses(endpoint: str) -> None:
    field = "text" if endpoint == "analyzed-text" else "url"
    request = request_validator(endpoint)

    request.validate({field: "x"})
    request.validate({field: "x", "details": True})
    more: list[object] = [{field: "x", "unknown": 1}, {field: "x", "details": 1}]
    if field == "url":
        request.validate({"image": "x"})
        more += [{"url": "x", "image": "x"}, {"image": 5}]
    for wrong in [{}, [], {field: 5}, {field: ""}, *more]:
        with pytest.raises(ValidationError):
            request.validate(wrong)


@pytest.mark.parametrize("endpoint", POSTS)
async def test_real_answer_is_as_documented(gateway: Gateway, endpoint: str) -> None:
    is_text = endpoint == "analyzed-text"
    for word in (b"", NO_FACE, NOT_ENGLISH):
        for details in (False, True):
            image = {"image": base64(IMAGE + word)}
            content = {"text": word.decode() or "hello"} if is_text else image
            reply = await gateway.post(endpoint, {**content, "details": details})

            assert reply.status == 200
            answer_validator(f"/api/v1/{endpoint}").validate(reply.json)


def test_answer_schema_is_no_rubber_stamp() -> None:
    """A field of another name, type or range is found."""
    nudity = answer_validator("/api/v1/nudity")
    good = {"url": "x", "isNude": True, "confidence": 0.5}

    nudity.validate({"result": good})
    for change in ({"confidence": 1.5}, {"isNude": "yes"}, {"url": None}):
        with pytest.raises(ValidationError):
            nudity.validate({"result": {**good, **change}})
    with pytest.raises(ValidationError):
        nudity.validate({"result": {"url": "x", "is_nude": True, "confidence": 0.5}})


async def test_real_batch_is_as_documented(gateway: Gateway) -> None:
    body = {"requests": [{"endpoint": "nudity", "image": base64()}, {"endpoint": "ocr"}]}
    reply = await gateway.post("batch", body)

    request_validator("batch").validate(body)
    answer_validator("/api/v1/batch").validate(reply.json)
    bad: list[Json] = [{}, {"requests": []}, {"requests": [{}]}, {"requests": [{"endpoint": "x"}]}]
    for wrong in bad:
        with pytest.raises(ValidationError):
            request_validator("batch").validate(wrong)


async def test_real_job_is_as_documented(gateway: Gateway) -> None:
    accepted = await defer(gateway, "classify", {"image": base64()})
    job = await ended(gateway, accepted)
    unknown = await gateway.get("/api/v1/jobs/x")

    path = DOCUMENT["paths"]["/api/v1/jobs/{id}"]["get"]["responses"]
    answer_validator("/api/v1/classify", "202").validate(accepted.json)
    validator(path["200"]).validate(job.json)
    validator(path["404"]).validate(unknown.json)
    answer_validator("/api/v1/classify").validate(job.json["result"]["answer"]["body"])


def test_form_has_the_fields_of_the_json_and_a_file() -> None:
    bodies = operation("/api/v1/ocr")["requestBody"]["content"]
    names = {kind: body["schema"]["$ref"].rpartition("/")[2] for kind, body in bodies.items()}
    form, fields = (
        DOCUMENT["components"]["schemas"][names[kind]]["properties"]
        for kind in ("multipart/form-data", "application/json")
    )

    assert form.keys() == fields.keys()
    assert form["image"]["contentMediaType"] == "application/octet-stream"
    assert list(operation("/api/v1/analyzed-text")["requestBody"]["content"]) == [
        "application/json"
    ]


@pytest.mark.parametrize("endpoint", [*POSTS, "batch"])
async def test_named_example_is_answered_as_it_stands(gateway: Gateway, endpoint: str) -> None:
    body = operation(f"/api/v1/{endpoint}")["requestBody"]["content"]["application/json"]
    (example,) = body["examples"].values()

    reply = await gateway.post(endpoint, example["value"])

    assert reply.status == 200


async def test_generated_client_of_python_gets_an_answer(gateway: Gateway, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_bytes(msgspec.json.encode(DOCUMENT))
    paths = ["--path", str(document), "--output-path", str(tmp_path / "made")]
    await finished("openapi_python_client", "generate", *paths)

    output = await finished("-c", GENERATED, gateway.url, gateway.key, cwd=tmp_path / "made")

    assert output == b"baseball\n"


async def finished(module: str, *arguments: str, cwd: Path | None = None) -> bytes:
    """Return the output of a module or, with "-c", of a program, that ended well."""
    command = [sys.executable, *(["-m"] if module != "-c" else []), module, *arguments]
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output


def test_what_the_gateway_sends_is_documented() -> None:
    (sent,) = DOCUMENT["webhooks"].values()

    assert [header["name"] for header in sent["post"]["parameters"]] == [
        "Webhook-Id",
        "Webhook-Timestamp",
        "Webhook-Signature",
    ]
