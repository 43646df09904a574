"""The RPC edge of the vision service: requests in, models in their threads, answers out."""

from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
from google.protobuf.json_format import ParseDict
from numpy.typing import NDArray

from imagemesh.image.v1 import image_pb2
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from modelkit.hosting import ModelHost
from modelkit.images import RgbImage
from modelkit.loading import LoadedModel
from modelkit.manifest import load_manifest
from servicekit.callers import terms_of
from servicekit.errors import InvalidRequest
from servicekit.interceptors import Context
from servicekit.server import Service
from vision.classifier import ImageNetClassifier, Label, cut_squares
from vision.emotions import EMOTIONS, Emotion
from vision.geometry import Box
from vision.loaders import FaceReader, Loaders
from vision.nudity import NudityScorer, prepare
from vision.settings import VisionSettings

NAME = "imagemesh.vision.v1.VisionService"
USUAL_LABELS = 5  # what limit 0 means to Classify


def build_service(settings: VisionSettings) -> Service:
    """Return the vision service; nothing is loaded yet."""
    servicer = _VisionServicer(settings)
    return Service(
        name=NAME,
        register=partial(rpc.add_VisionServiceServicer_to_server, servicer),
        load=servicer.load,
        close=servicer.host.close,
        health=servicer.host.health,
        metrics=servicer.host.metrics,
    )


class _VisionServicer(rpc.VisionServiceServicer):
    """Servicer; images are decoded outside of the queues, which hold bytes, not pixels."""

    def __init__(self, settings: VisionSettings) -> None:
        self._settings = settings
        self.host = host = ModelHost(settings)
        self._entries = load_manifest("vision")
        loaders = Loaders(settings, self._entries, host.runtime)
        # Only on a GPU: on a core eight images at once take as long as one by one.
        most = settings.max_batch if host.runtime.gains_from_batches else 1
        self._classifier = host.slot(
            "classify", loaders.classifier, _classify, max_batch=most, in_thread=2
        )
        # Its time goes into finding faces, one image after the other.
        self._face_reader = host.slot("emotions", loaders.face_reader, _read_faces)
        self._nudity_scorer = host.slot("nudity", loaders.nudity_scorer, _score)

    async def load(self) -> None:
        await self.host.load()

    async def Classify(self, request: pb.ClassifyRequest, context: Context) -> pb.ClassifyResponse:
        began_s = monotonic()
        labels = await self._classifier.serve(
            partial(self._classify, request.image), **terms_of(context)
        )
        _check_limit(request.limit, most=len(labels), usual=USUAL_LABELS)
        return pb.ClassifyResponse(
            labels=[
                pb.Label(tag=label.tag, confidence=label.confidence)
                for label in labels[: request.limit or USUAL_LABELS]
            ],
            model=_model(self._classifier.loaded),
            seconds=monotonic() - began_s,
        )

    async def DetectEmotions(
        self, request: pb.DetectEmotionsRequest, context: Context
    ) -> pb.DetectEmotionsResponse:
        began_s = monotonic()
        _check_limit(request.limit, most=len(EMOTIONS), usual=len(EMOTIONS))
        faces = await self._face_reader.serve(
            partial(self._read_faces, request.image), **terms_of(context)
        )
        loaded = self._face_reader.loaded
        return pb.DetectEmotionsResponse(
            faces=[
                _face(box, emotions[: request.limit or len(EMOTIONS)]) for box, emotions in faces
            ],
            model=_model(loaded),
            face_model=_model(loaded.model.faces),
            seconds=monotonic() - began_s,
        )

    async def DetectNudity(
        self, request: pb.DetectNudityRequest, context: Context
    ) -> pb.DetectNudityResponse:
        began_s = monotonic()
        score = await self._nudity_scorer.serve(
            partial(self._score, request.image), **terms_of(context)
        )
        threshold = self._settings.nudity_threshold
        return pb.DetectNudityResponse(
            is_nude=score >= threshold,
            confidence=score,
            threshold=threshold,
            model=_model(self._nudity_scorer.loaded),
            seconds=monotonic() - began_s,
        )

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        del request, context  # not used
        return ParseDict({"models": self.host.listed(self._entries)}, pb.ListModelsResponse())

    async def _classify(self, content: bytes) -> list[Label]:
        squares = await self.host.decoder.read(content, lambda decoded: cut_squares(decoded.pixels))
        return await self._classifier.answer(squares, size_bytes=squares.nbytes)

    async def _read_faces(self, content: bytes) -> list[tuple[Box, list[Emotion]]]:
        async with self.host.decoder.opened(content, lambda decoded: decoded.pixels) as image:
            return await self._face_reader.answer(image, size_bytes=image.nbytes)

    async def _score(self, content: bytes) -> float:
        image = await self.host.decoder.read(content, lambda decoded: prepare(decoded.pixels))
        return await self._nudity_scorer.answer(image, size_bytes=image.nbytes)


def _classify(
    loaded: LoadedModel[ImageNetClassifier], images: Sequence[NDArray[np.uint8]]
) -> list[list[Label]]:
    return loaded.model.classify_all(images)


def _read_faces(
    loaded: LoadedModel[FaceReader], images: Sequence[RgbImage]
) -> list[list[tuple[Box, list[Emotion]]]]:
    return [loaded.model.read(image) for image in images]


def _score(loaded: LoadedModel[NudityScorer], images: Sequence[NDArray[np.float32]]) -> list[float]:
    return loaded.model.score_all(images)


def _check_limit(limit: int, *, most: int, usual: int) -> None:
    if not 0 <= limit <= most:
        raise InvalidRequest(f"limit is {limit}; it must be from 1 to {most}, or 0 for {usual}")


def _face(box: Box, emotions: list[Emotion]) -> pb.Face:
    return pb.Face(
        box=image_pb2.Box(left=box.left, top=box.top, right=box.right, bottom=box.bottom),
        emotions=[pb.Emotion(name=one.name, confidence=one.confidence) for one in emotions],
    )


# Any: every model of the service is named alike.
def _model(loaded: LoadedModel[Any]) -> image_pb2.Model:
    return image_pb2.Model(**loaded.named())
