"""Profile standard of colorize and vision, pulled from a loopback mirror of stand-ins."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import colorize.service
import vision.service
from colorize.settings import ColorizeSettings
from imagemesh.colorize.v1 import colorize_service_pb2 as colorize_pb
from imagemesh.colorize.v1 import colorize_service_pb2_grpc as colorize_rpc
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as vision_rpc
from modelkit.cli import choose_models, pull_models
from modelkit.images import encode_image
from modelkit.manifest import ModelEntry, load_manifest
from modelkit.settings import ModelCommandSettings
from tests.modelkit.file_server import FileServer, serving_file
from tests.models.stand_in_weights import stand_in_file
from tests.serving import connected
from tests.vision.stand_ins import make_face_graph, make_graph
from vision.settings import VisionSettings

ENTRIES = (*load_manifest("colorize"), *load_manifest("vision"))


def image() -> bytes:
    """Return a grey image with a bright square, which the stand-in calls a face."""
    pixels = np.full((256, 256, 3), 40, np.uint8)
    pixels[64:128, 64:128] = 250
    return encode_image(pixels, "image/png")


@pytest.fixture(scope="module")
def stand_ins() -> dict[str, bytes]:
    """Return the files of the profile by name; together 160 MB."""
    graphs = {"enet-b2-8": make_graph(), "yunet": make_face_graph()}
    return {
        entry.file: graphs.get(entry.name) or stand_in_file(entry)
        for entry in ENTRIES
        if entry.profile == "standard"
    }


@pytest.fixture(scope="module")
def pulled(
    stand_ins: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Sequence[ModelEntry], Path]:
    """Pull the profile; return the manifest with the hashes of the stand-ins, and the folder."""
    entries = [
        replace(
            entry,
            sha256=hashlib.sha256(stand_ins[entry.file]).hexdigest(),
            bytes=len(stand_ins[entry.file]),
        )
        if entry.profile == "standard"
        else entry
        for entry in ENTRIES
    ]
    models_dir = tmp_path_factory.mktemp("models")
    with serving_file(FileServer(b"", files=stand_ins)) as mirror:
        settings = ModelCommandSettings(models_dir=models_dir, models_mirror=mirror.url)
        wanted = choose_models(entries, [], profile="standard")
        assert {entry.name for entry in wanted} == {
            "siggraph17",
            "enet-b2-8",
            "yunet",
            "marqo-nsfw-384",
        }
        assert pull_models(wanted, settings, require_hashes=True) == 0
    return entries, models_dir


async def test_services_answer_with_the_pulled_models_and_name_them(
    pulled: tuple[Sequence[ModelEntry], Path],
) -> None:
    entries, models_dir = pulled
    # Any: values of any field
    fixed: dict[str, Any] = {
        "port": 0,
        "metrics_port": 0,
        "models_dir": models_dir,
        "threads": 1,
    }

    seeing = VisionSettings(**fixed)
    async with connected(vision.service.build_service(seeing, entries), seeing) as channel:
        stub = vision_rpc.VisionServiceStub(channel)
        labels = await stub.Classify(vision_pb.ClassifyRequest(image=image()))
        faces = await stub.DetectEmotions(vision_pb.DetectEmotionsRequest(image=image()))
        nudity = await stub.DetectNudity(vision_pb.DetectNudityRequest(image=image()))
    coloring = ColorizeSettings(**fixed)
    async with connected(colorize.service.build_service(coloring, entries), coloring) as channel:
        asked = colorize_pb.ColorizeRequest(image=image())
        colored = await colorize_rpc.ColorizeServiceStub(channel).Colorize(asked)

    assert labels.model.name == "efficientnet-lite1"  # there is no better one of this profile
    assert (faces.model.name, faces.face_model.name) == ("enet-b2-8", "yunet")
    assert {len(face.emotions) for face in faces.faces} == {7}
    assert (nudity.model.name, nudity.model.version) == ("marqo-nsfw-384", "0c26ec22111b")
    assert 0 < nudity.confidence < 1
    assert (colored.model.name, colored.model.provider) == ("siggraph17", "CPUExecutionProvider")
    assert (colored.size.width, colored.size.height) == (256, 256)
