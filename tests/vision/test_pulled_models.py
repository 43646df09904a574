"""Models of the profiles standard and full, pulled from a loopback mirror with stand-ins."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from modelkit.classification import ClassifierSpec
from modelkit.cli import choose_models, pull_models
from modelkit.images import encode_image
from modelkit.manifest import ModelEntry, load_manifest
from modelkit.settings import ModelCommandSettings
from tests.modelkit.file_server import FileServer, serving_file
from tests.serving import connected, failure
from tests.vision.drawn import draw_face
from tests.vision.stand_ins import make_graph
from vision.emotions import EMOTIONS
from vision.service import NAME, build_service
from vision.settings import VisionSettings

REQUESTS: dict[str, Any] = {  # Any: each is made of its own fields
    "Classify": pb.ClassifyRequest,
    "DetectEmotions": pb.DetectEmotionsRequest,
    "DetectNudity": pb.DetectNudityRequest,
}
FACE = encode_image(draw_face(400), "image/jpeg")


def pull_stand_in(graph: bytes, models_dir: Path, name: str = "enet-b2-8") -> Sequence[ModelEntry]:
    """Pull a graph in place of a model and return the manifest with its hash."""
    entries = [
        replace(one, sha256=hashlib.sha256(graph).hexdigest(), bytes=len(graph))
        if one.name == name
        else one
        for one in load_manifest("vision")
        if one.name != "yunet"  # its stand-in would need faces to find
    ]
    with serving_file(FileServer(graph)) as mirror:
        settings = ModelCommandSettings(models_dir=models_dir, models_mirror=mirror.url)
        assert pull_models(choose_models(entries, [name]), settings) == 0
    return entries


async def ask(
    entries: Sequence[ModelEntry], models_dir: Path, method: str = "DetectEmotions"
) -> tuple[int, Any]:
    """Return the health and the answer, or the failure; Any: either."""
    settings = VisionSettings(port=0, metrics_port=0, models_dir=models_dir, threads=1)
    async with connected(build_service(settings, entries), settings) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types
        state = await health.Check(health_pb2.HealthCheckRequest(service=NAME))
        call = getattr(rpc.VisionServiceStub(channel), method)(REQUESTS[method](image=FACE))
        try:
            return state.status, await call
        except grpc.aio.AioRpcError:
            return state.status, await failure(call)


async def test_pulled_model_answers_and_is_named(tmp_path: Path) -> None:
    entries = await asyncio.to_thread(pull_stand_in, make_graph(), tmp_path)

    status, answer = await ask(entries, tmp_path)

    assert status == health_pb2.HealthCheckResponse.SERVING
    assert (answer.model.name, answer.model.version) == ("enet-b2-8", "af833487321c")
    (face,) = answer.faces
    assert {one.name for one in face.emotions} == set(EMOTIONS)
    assert sum(one.confidence for one in face.emotions) == pytest.approx(1, abs=1e-5)


async def test_model_of_another_shape_is_not_serving(tmp_path: Path) -> None:
    entries = await asyncio.to_thread(pull_stand_in, make_graph(side=224), tmp_path)

    status, (code, reason, message) = await ask(entries, tmp_path)

    assert status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "model_not_installed")
    assert message.startswith("model enet-b2-8 does not take (1, 3, 260, 260) float32")
    assert "\n" not in message


async def test_pulled_nudity_model_answers_and_is_named(tmp_path: Path) -> None:
    graph = make_graph(side=384, logits=(0.0, 5.0), reddened=1)
    entries = await asyncio.to_thread(pull_stand_in, graph, tmp_path, "vit-base-nsfw-detector")

    _, answer = await ask(entries, tmp_path, "DetectNudity")

    assert (answer.model.name, answer.is_nude) == ("vit-base-nsfw-detector", True)
    assert 0.9 < answer.confidence < 1


def install(graph: bytes, models_dir: Path, *, task: str, spec: ClassifierSpec) -> ModelEntry:
    """Return the entry of a further model whose graph is there."""
    entry = ModelEntry(
        name="further",
        version="1.0",
        task=task,
        profile="full",
        file="further.onnx",
        licence="MIT",
        source="made in a test",
        card="README.md",
        sha256=hashlib.sha256(graph).hexdigest(),
        url="https://example.com/further.onnx",
        classifier=spec,
    )
    path = models_dir / entry.place
    path.parent.mkdir()
    path.write_bytes(graph)
    return entry


@pytest.mark.parametrize(
    ("logits", "severity", "best"),
    [
        ((9.0, 0.0, 0.0, 0.0), pb.SEVERITY_NONE, "neutral"),
        ((0.0, 9.0, 0.0, 0.0), pb.SEVERITY_SUGGESTIVE, "low"),
        ((2.0, 0.0, 2.0, 2.1), pb.SEVERITY_SUGGESTIVE, "high"),  # 0.65 nude
        ((0.0, 0.0, 9.0, 0.0), pb.SEVERITY_EXPLICIT, "medium"),
    ],
)
async def test_severity_is_told_by_a_model_with_classes_for_it(
    tmp_path: Path, logits: tuple[float, ...], severity: int, best: str
) -> None:
    graph = make_graph(side=64, logits=logits, reddened=0)
    labels = ("neutral", "low", "medium", "high")
    answers = ("none", "suggestive", "explicit", "explicit")
    # Every pixel becomes 0: red adds nothing.
    spec = ClassifierSpec(
        size_px=64,
        labels=labels,
        scale=1e-9,
        answers=dict(zip(labels, answers, strict=True)),
    )
    entry = await asyncio.to_thread(install, graph, tmp_path, task="nudity", spec=spec)

    _, answer = await ask([entry, *load_manifest("vision")], tmp_path, "DetectNudity")

    assert (answer.severity, answer.classes[0].name) == (severity, best)
    assert {one.name for one in answer.classes} == set(labels)
    assert answer.is_nude == (severity == pb.SEVERITY_EXPLICIT)
    assert answer.threshold == 0.8


async def test_further_classifier_is_an_entry(tmp_path: Path) -> None:
    """A graph of three classes and its description; no code knows it."""
    graph = make_graph(side=64, logits=(0.0, 5.0, 2.0), reddened=0)
    spec = ClassifierSpec(size_px=64, labels=("hamster", "cat", "dog"))
    pets = await asyncio.to_thread(install, graph, tmp_path, task="classify", spec=spec)

    status, answer = await ask([*load_manifest("vision"), pets], tmp_path, "Classify")

    assert status == health_pb2.HealthCheckResponse.SERVING
    assert answer.model.name == "further"
    assert [label.tag for label in answer.labels] == ["cat", "dog", "hamster"]
    assert sum(label.confidence for label in answer.labels) == pytest.approx(1)
