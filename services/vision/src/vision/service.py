"""The RPC edge of the vision service: requests in, models in their threads, answers out."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, TypeVar

import grpc

from imagemesh.image.v1 import image_pb2
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from modelkit.images import ImageLimits, RgbImage, decode_image
from modelkit.loading import LoadedModel, ModelSlot
from modelkit.manifest import load_manifest
from servicekit.errors import InvalidRequest
from servicekit.server import Service
from vision.emotions import EMOTIONS, Emotion
from vision.geometry import Box
from vision.labels import Classifier, Label
from vision.loaders import (
    FaceReader,
    load_classifier,
    load_face_reader,
    load_nudity_scorer,
    use_threads,
)
from vision.nudity import NudityScorer
from vision.settings import VisionSettings

NAME = "imagemesh.vision.v1.VisionService"
USUAL_LABELS = 5  # what limit 0 means to Classify
# A picture above this (4 MP) is alone in the process: three of 25 MP at once took 1.2 GB.
LARGE_PICTURE_BYTES = 12_000_000

Model = TypeVar("Model")
Result = TypeVar("Result")


def build_service(settings: VisionSettings) -> Service:
    """Return the vision service; nothing is loaded yet."""
    servicer = _VisionServicer(settings)
    return Service(
        name=NAME,
        register=partial(rpc.add_VisionServiceServicer_to_server, servicer),
        load=servicer.load,
        close=servicer.close,
    )


class _VisionServicer(rpc.VisionServiceServicer):
    """Pictures are decoded in the thread of their model: those in line are bytes, not pixels."""

    def __init__(self, settings: VisionSettings) -> None:
        self._settings = settings
        self._limits = ImageLimits(max_pixels=settings.max_image_pixels)
        self._decoding = threading.Lock()
        waiting = settings.max_waiting
        self._classifier = ModelSlot[Classifier]("classify", max_waiting=waiting)
        self._face_reader = ModelSlot[FaceReader]("emotions", max_waiting=waiting)
        self._nudity_scorer = ModelSlot[NudityScorer]("nudity", max_waiting=waiting)

    async def load(self) -> None:
        settings, entries = self._settings, load_manifest("vision")
        use_threads(settings.threads)
        await asyncio.gather(
            self._classifier.load(partial(load_classifier, settings, entries)),
            self._face_reader.load(partial(load_face_reader, settings, entries)),
            self._nudity_scorer.load(partial(load_nudity_scorer, settings, entries)),
        )

    def close(self) -> None:
        for slot in (self._classifier, self._face_reader, self._nudity_scorer):
            slot.close()

    async def Classify(  # noqa: N802 - the name of the RPC
        self,
        request: pb.ClassifyRequest,
        context: grpc.aio.ServicerContext[pb.ClassifyRequest, pb.ClassifyResponse],
    ) -> pb.ClassifyResponse:
        began_s = monotonic()
        labels = await self._classifier.run(
            self._show, _classify, request.image, timeout_s=context.time_remaining()
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

    async def DetectEmotions(  # noqa: N802 - as above
        self,
        request: pb.DetectEmotionsRequest,
        context: grpc.aio.ServicerContext[pb.DetectEmotionsRequest, pb.DetectEmotionsResponse],
    ) -> pb.DetectEmotionsResponse:
        began_s = monotonic()
        _check_limit(request.limit, most=len(EMOTIONS), usual=len(EMOTIONS))
        faces = await self._face_reader.run(
            self._show, FaceReader.read, request.image, timeout_s=context.time_remaining()
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

    async def DetectNudity(  # noqa: N802 - as above
        self,
        request: pb.DetectNudityRequest,
        context: grpc.aio.ServicerContext[pb.DetectNudityRequest, pb.DetectNudityResponse],
    ) -> pb.DetectNudityResponse:
        began_s = monotonic()
        score = await self._nudity_scorer.run(
            self._show, NudityScorer.score, request.image, timeout_s=context.time_remaining()
        )
        threshold = self._settings.nudity_threshold
        return pb.DetectNudityResponse(
            is_nude=score >= threshold,
            confidence=score,
            threshold=threshold,
            model=_model(self._nudity_scorer.loaded),
            seconds=monotonic() - began_s,
        )

    def _show(
        self, model: Model, look: Callable[[Model, RgbImage], Result], content: bytes
    ) -> Result:
        """Decode a picture and show it to a model, in the thread of that model."""
        with self._decoding:
            image = decode_image(content, self._limits).pixels
            if image.nbytes > LARGE_PICTURE_BYTES:
                return look(model, image)
        return look(model, image)


def _classify(classifier: Classifier, image: RgbImage) -> list[Label]:
    return classifier.classify(image)


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
    return image_pb2.Model(
        name=loaded.entry.name, version=loaded.entry.version, device=loaded.device
    )
