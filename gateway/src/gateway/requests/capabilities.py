"""What this mesh can do, and with what: endpoints, models and languages, as the services say."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from gateway import contract
from gateway.accounts.ledger import DEFAULT_PRICE
from gateway.accounts.scopes import endpoint_name
from gateway.backends import call
from gateway.mesh import Mesh
from gateway.problems import Problem
from gateway.requests.endpoints import ENDPOINTS, list_languages
from imagemesh.colorize.v1 import colorize_service_pb2 as colorize_pb
from imagemesh.image.v1.image_pb2 import ModelInfo
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb

# What the models of an endpoint do, as the services' models.toml call it.
TASKS: Final[Mapping[str, tuple[str, ...]]] = {
    "colorize": ("colorize",),
    "ocr": ("detect-text", "read-text"),
    "analyzed-ocr": ("detect-text", "read-text", "embed-text"),
    "analyzed-text": ("embed-text",),
    "emotions": ("faces", "emotions"),
    "classify": ("classify",),
    "nudity": ("nudity",),
}


class EndpointCapability(Struct, frozen=True):
    """An endpoint that is on; `models` are the names of those that answer it."""

    endpoint: str
    path: str
    summary: str
    price: Annotated[int, Meta(ge=0, description="Credits that a good answer costs.")]
    models: list[str]


class ModelCapability(Struct, frozen=True):
    """A model that a service knows; one that is not in use has no device."""

    name: str
    version: str
    task: str
    profile: Annotated[
        str, Meta(description='"embedded" comes with the install, the others are pulled.')
    ]
    device: str | None
    licence: str
    source: str
    card: Annotated[
        str, Meta(description="Path in the project of the page that says how good it is.")
    ]


class Capabilities(Struct, frozen=True):
    """What the mesh can do now; of services that are away nothing is listed but their names."""

    endpoints: list[EndpointCapability]
    models: list[ModelCapability]
    languages: list[contract.Language]
    away: list[str]


class CapabilitiesAnswer(Struct, frozen=True):
    """Answer of GET /api/v1/capabilities."""

    result: Capabilities


async def find_capabilities(mesh: Mesh, *, timeout_s: float, request_id: str) -> CapabilitiesAnswer:
    """Ask all services; what one of them does not answer is left out."""
    models, languages = await asyncio.gather(
        _models(mesh, timeout_s=timeout_s, request_id=request_id),
        _languages(mesh, timeout_s=timeout_s, request_id=request_id),
    )
    known = [_model(info) for answer in models.values() for info in answer or ()]
    endpoints = [
        EndpointCapability(
            endpoint=name,
            path=endpoint.path,
            summary=endpoint.summary,
            price=mesh.settings.prices.get(name, DEFAULT_PRICE),
            models=[model.name for model in known if model.device and model.task in TASKS[name]],
        )
        for endpoint in ENDPOINTS
        if (name := endpoint_name(endpoint.path)) not in mesh.settings.endpoints_off
    ]
    away = [service for service, answer in models.items() if answer is None]
    return CapabilitiesAnswer(Capabilities(endpoints, known, languages, away))


async def _models(
    mesh: Mesh, *, timeout_s: float, request_id: str
) -> dict[str, Sequence[ModelInfo] | None]:
    """Return the models of each service; None where it does not answer."""
    backends = mesh.backends
    questions = {
        "colorize": (backends.colorize.ListModels, colorize_pb.ListModelsRequest()),
        "ocr": (backends.ocr.ListModels, ocr_pb.ListModelsRequest()),
        "vision": (backends.vision.ListModels, vision_pb.ListModelsRequest()),
    }

    # Any: each service has messages of its own, all alike.
    async def ask(rpc: Any, question: Any) -> Sequence[ModelInfo] | None:
        try:
            answer = await call(rpc, question, timeout_s=timeout_s, request_id=request_id)
        except Problem:
            return None
        return list(answer.models)

    answers = await asyncio.gather(*(ask(rpc, question) for rpc, question in questions.values()))
    return dict(zip(questions, answers, strict=True))


async def _languages(mesh: Mesh, *, timeout_s: float, request_id: str) -> list[contract.Language]:
    try:
        answer = await list_languages(mesh, timeout_s=timeout_s, request_id=request_id)
    except Problem:
        return []
    return answer.result


def _model(info: ModelInfo) -> ModelCapability:
    return ModelCapability(
        name=info.model.name,
        version=info.model.version,
        task=info.task,
        profile=info.profile,
        device=info.model.device or None,
        licence=info.licence,
        source=info.source,
        card=info.card,
    )
