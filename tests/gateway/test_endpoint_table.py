"""The table of endpoints is the only source: whatever names an endpoint is derived from it."""

import ast
import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import gateway
from contract.table import ENDPOINTS
from gateway.backends import SERVICES
from gateway.endpoint_table import HANDLERS

SOURCES = Path(str(resources.files(gateway)))
PAGE_FILES = [SOURCES / "static" / "index.html", *sorted((SOURCES / "static").glob("*.js"))]

# The caller's side and the gateway's side of an endpoint that no file of the project has.
CONTRACT = """
from typing import Final
from msgspec import Struct
from contract.endpoint import AnswerDetails, Endpoint, ImageRequest, PageView
class SharpnessAnswer(Struct, frozen=True, omit_defaults=True):
    result: list[int]
    details: AnswerDetails | None = None
class SharpnessRequest(
    ImageRequest[SharpnessAnswer], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    pass
ENDPOINT: Final = Endpoint(
    name="sharpness", position=99, summary="Measure sharpness.", request=SharpnessRequest,
    answers=(SharpnessAnswer,), page=PageView(label="Measure sharpness", answer="faces"),
)
"""
HANDLER = """
from contract.endpoints.sharpness import ENDPOINT, SharpnessAnswer
from gateway.endpoint_handler import EndpointHandler
async def ask(backends, request, image, context):
    raise NotImplementedError
HANDLER = EndpointHandler(
    endpoint=ENDPOINT, rpcs=("/imagemesh.vision.v1.VisionService/MeasureSharpness",),
    tasks=("sharpness",),
    ask=ask, answer=lambda request, response, url: SharpnessAnswer([]),
)
"""
SCRIPT = """
import asyncio, json, re, sys
from time import monotonic
import contract.endpoints, gateway.endpoints
contract.endpoints.__path__.append(sys.argv[1] + "/contract")
gateway.endpoints.__path__.append(sys.argv[1] + "/gateway")
from gateway.accounts.scopes import check_names
from contract.table import ENDPOINTS
from gateway.authz import ENDPOINT_OF_RPC
from gateway.backends import CallContext, open_backends
from gateway.openapi.document import openapi_document
from gateway.pages import render_page
from gateway.requests.batch import parse_batch
from gateway.requests.capabilities import find_capabilities
from gateway.settings import GatewaySettings
from imagemesh.client import AsyncClient
async def capabilities():
    away = {f"{name}_address": "127.0.0.1:1" for name in ("colorize", "ocr", "vision")}
    async with open_backends(GatewaySettings(**away)) as backends:
        context = CallContext("", "", monotonic() + 30)
        found = await find_capabilities(backends, context, off=(), prices={"sharpness": 3})
    return [(one.endpoint, one.price) for one in found.result.endpoints]
check_names(["sharpness"])
batch = parse_batch({"requests": [{"endpoint": "sharpness", "url": "http://a.example/"}]})
document = openapi_document()
print(json.dumps({
    "capabilities": asyncio.run(capabilities())[-1],
    "authorization": ENDPOINT_OF_RPC["/imagemesh.vision.v1.VisionService/MeasureSharpness"],
    "page": re.search("Measure [a-z]+", render_page("$tabs", ENDPOINTS, ""))[0],
    "schema": sorted(document["components"]["schemas"]["SharpnessRequest"]["properties"]),
    "batch": batch.items[0].handler.endpoint.name,
    "client": "sharpness" in dir(AsyncClient()),
}))
"""


async def test_endpoint_of_two_files_is_known_everywhere(tmp_path: Path) -> None:
    for folder, source in {"contract": CONTRACT, "gateway": HANDLER}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sharpness.py").write_text(source)

    found = await run(SCRIPT, str(tmp_path))

    assert found == {
        "capabilities": ["sharpness", 3],
        "authorization": "sharpness",
        "page": "Measure sharpness",
        "schema": ["details", "image", "url", "webhook"],
        "batch": "sharpness",
        "client": True,
    }


async def run(script: str, *arguments: str) -> Any:  # Any: a JSON document
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, *arguments),
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=PIPE,
    )
    output, _ = await process.communicate()
    return json.loads(output)


def test_both_sides_have_the_same_endpoints() -> None:
    assert [handler.endpoint for handler in HANDLERS.values()] == list(ENDPOINTS)


def test_no_other_file_of_the_gateway_names_an_endpoint() -> None:
    names = {endpoint.name for endpoint in ENDPOINTS} - SERVICES.keys()
    paths = {endpoint.path for endpoint in ENDPOINTS}

    found = {
        f"{path.relative_to(SOURCES)}: {node.value}"
        for path in SOURCES.rglob("*.py")
        if path.parent.name != "endpoints"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value in names | paths
    }

    assert found == set()


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda path: path.name)
def test_page_names_no_endpoint(path: Path) -> None:
    text = path.read_text()

    # What the service reads, `text`, and what a view shows, `nudity`, are words of their own.
    quoted = re.findall(r"""["'`]([a-z-]+)["'`]""", text)
    assert not {endpoint.name for endpoint in ENDPOINTS} & set(quoted)
    assert "/api/v1/ocr" not in text


def test_every_view_of_the_table_is_on_the_page() -> None:
    views = {endpoint.page.answer for endpoint in ENDPOINTS if endpoint.page}
    source = (SOURCES / "static" / "answers.js").read_text()

    assert all(re.search(rf"^  {view}: show", source, re.MULTILINE) for view in views)


def test_every_sample_is_a_small_example() -> None:
    pages = [endpoint.page for endpoint in ENDPOINTS if endpoint.page]
    sizes = {page.sample: (SOURCES / "examples" / page.sample).stat().st_size for page in pages}

    assert len(sizes) == len(pages)  # each has one of its own
    assert max(sizes.values()) < 60_000
