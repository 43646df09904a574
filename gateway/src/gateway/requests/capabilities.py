"""Capabilities of the mesh: endpoints, models and languages, as the services tell them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from contract.lookups import (
    Capabilities,
    CapabilitiesAnswer,
    EndpointCapability,
    Language,
    LanguagesAnswer,
    ModelCapability,
)
from gateway.accounts.ledger import DEFAULT_PRICE
from gateway.backends import Backends, CallContext, call
from gateway.endpoint_table import HANDLERS
from gateway.problems import Problem
from imagemesh.colorize.v1 import colorize_service_pb2 as colorize_pb
from imagemesh.image.v1.image_pb2 import ModelInfo
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb


async def find_capabilities(
    backends: Backends, context: CallContext, *, off: Collection[str], prices: Mapping[str, int]
) -> CapabilitiesAnswer:
    """Ask all services; what one of them does not answer is left out.

    Args:
        backends: the services.
        context: of the calls.
        off: names of the endpoints that are switched off.
        prices: by the name of an endpoint, where it is not the usual one.
    """
    models, languages = await asyncio.gather(
        _models(backends, context), _languages(backends, context)
    )
    known = [_model(info) for answer in models.values() for info in answer or ()]
    endpoints = [
        EndpointCapability(
            endpoint=name,
            path=handler.endpoint.path,
            summary=handler.endpoint.summary,
            price=prices.get(name, DEFAULT_PRICE),
            models=[model.name for model in known if model.device and model.task in handler.tasks],
        )
        for name, handler in HANDLERS.items()
        if name not in off
    ]
    away = [service for service, answer in models.items() if answer is None]
    return CapabilitiesAnswer(Capabilities(endpoints, known, languages, away))


async def list_languages(backends: Backends, context: CallContext) -> LanguagesAnswer:
    """Return every language code that can be read."""
    response = await call(backends.ocr.ListLanguages, ocr_pb.ListLanguagesRequest(), context)
    return LanguagesAnswer(
        [
            Language(
                language.code,
                language.name,
                language.installed,
                language.engine,
                list(language.packages),
                language.tag,
                language.script,
                language.route,
                language.error_rate,
                language.photo_error_rate,
            )
            for language in response.languages
        ]
    )


async def _models(
    backends: Backends, context: CallContext
) -> dict[str, Sequence[ModelInfo] | None]:
    """Return the models of each service; None where it does not answer."""
    questions = {
        "colorize": (backends.colorize.ListModels, colorize_pb.ListModelsRequest()),
        "ocr": (backends.ocr.ListModels, ocr_pb.ListModelsRequest()),
        "vision": (backends.vision.ListModels, vision_pb.ListModelsRequest()),
    }

    # Any: each service has messages of its own, all alike.
    async def ask(rpc: Any, question: Any) -> Sequence[ModelInfo] | None:
        try:
            return list((await call(rpc, question, context)).models)
        except Problem:
            return None

    answers = await asyncio.gather(*(ask(rpc, question) for rpc, question in questions.values()))
    return dict(zip(questions, answers, strict=True))


async def _languages(backends: Backends, context: CallContext) -> list[Language]:
    try:
        return (await list_languages(backends, context)).result
    except Problem:
        return []


def _model(info: ModelInfo) -> ModelCapability:
    return ModelCapability(
        name=info.model.name,
        version=info.model.version,
        task=info.task,
        profile=info.profile,
        device=info.model.device or None,
        provider=info.model.provider or None,
        licence=info.licence,
        source=info.source,
        card=info.card,
    )
