"""The RPC edge of the vision service: requests in, models in their threads, answers out."""

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, TypeVar

import numpy as np
from google.protobuf.json_format import ParseDict
from numpy.typing import NDArray

from imagemesh.image.v1 import image_pb2
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from modelkit.doubts import ImageWarning
from modelkit.frames import Frames
from modelkit.hosting import ModelHost
from modelkit.images import DecodedImage, RgbImage
from modelkit.loading import LoadedModel
from modelkit.manifest import ModelEntry, load_manifest
from servicekit.callers import caller_of
from servicekit.errors import InvalidRequest
from servicekit.interceptors import Context
from servicekit.server import Service
from vision.classifier import PhotoClassifier
from vision.emotions import EMOTIONS, Emotion
from vision.geometry import Box
from vision.loaders import FaceReader, Loaders
from vision.nudity import NudityScore, PhotoScorer
from vision.policies import DEFAULT, Severity
from vision.settings import VisionSettings

Number = TypeVar("Number", bound=np.generic)

NAME = "imagemesh.vision.v1.VisionService"
USUAL_LABELS = 5  # what limit 0 means to Classify
# A core takes as long for images together as one by one, but four share the work of the event loop
# and divide better among cores: 3 % less processor time on one, 12 % more images on two.
_MOST_ON_CPU = 4


def build_service(settings: VisionSettings, entries: Sequence[ModelEntry] | None = None) -> Service:
    """Return the vision service; nothing is loaded yet.

    Args:
        settings: Of the service.
        entries: Its models; None for those of its manifest.
    """
    servicer = _VisionServicer(settings, load_manifest("vision") if entries is None else entries)
    return Service(
        name=NAME,
        register=partial(rpc.add_VisionServiceServicer_to_server, servicer),
        load=servicer.host.load,
        close=servicer.host.close,
        health=servicer.host.health,
        metrics=servicer.host.metrics,
    )


class _VisionServicer(rpc.VisionServiceServicer):
    """Servicer; images are decoded outside of the queues, which hold bytes, not pixels."""

    def __init__(self, settings: VisionSettings, entries: Sequence[ModelEntry]) -> None:
        self._settings = settings
        self.host = host = ModelHost(settings)
        self._entries = entries
        loaders = Loaders(settings, entries, host.runtime)
        most = settings.max_batch
        if not host.runtime.uses_gpu:
            most = min(most, _MOST_ON_CPU)
        self._classifier = host.slot("classify", loaders.classifier, _classify, max_batch=most)
        # Its time goes into finding faces, one image after the other.
        self._face_reader = host.slot("emotions", loaders.face_reader, _read_faces)
        self._nudity_scorer = host.slot("nudity", loaders.nudity_scorer, _score)

    async def Classify(self, request: pb.ClassifyRequest, context: Context) -> pb.ClassifyResponse:
        began_s = monotonic()
        confidences, warnings = await self._classifier.serve(
            partial(self._classify, request.image), caller=caller_of(context)
        )
        _check_limit(request.limit, most=len(confidences), usual=USUAL_LABELS)
        loaded = self._classifier.loaded
        labels = loaded.model.labels(confidences, limit=request.limit or USUAL_LABELS)
        return pb.ClassifyResponse(
            labels=[pb.Label(tag=label.tag, confidence=label.confidence) for label in labels],
            model=_model(loaded),
            seconds=monotonic() - began_s,
            warnings=_warnings(warnings),
        )

    async def DetectFaces(
        self, request: pb.DetectFacesRequest, context: Context
    ) -> pb.DetectFacesResponse:
        began_s = monotonic()
        faces, warnings = await self._face_reader.serve(
            partial(self._read_faces, request.image, with_emotions=False), caller=caller_of(context)
        )
        return pb.DetectFacesResponse(
            boxes=[_box(box) for box, _ in faces],
            model=_model(self._face_reader.loaded.model.faces),
            seconds=monotonic() - began_s,
            warnings=_warnings(warnings),
        )

    async def DetectEmotions(
        self, request: pb.DetectEmotionsRequest, context: Context
    ) -> pb.DetectEmotionsResponse:
        began_s = monotonic()
        _check_limit(request.limit, most=len(EMOTIONS), usual=len(EMOTIONS))
        faces, warnings = await self._face_reader.serve(
            partial(self._read_faces, request.image), caller=caller_of(context)
        )
        loaded = self._face_reader.loaded
        return pb.DetectEmotionsResponse(
            faces=[
                _face(box, emotions[: request.limit or len(EMOTIONS)]) for box, emotions in faces
            ],
            model=_model(loaded),
            face_model=_model(loaded.model.faces),
            seconds=monotonic() - began_s,
            warnings=_warnings(warnings),
        )

    async def DetectNudity(
        self, request: pb.DetectNudityRequest, context: Context
    ) -> pb.DetectNudityResponse:
        began_s = monotonic()
        if request.frames not in pb.Frames.values():
            raise InvalidRequest(f"frames {request.frames} is not known")
        policy = self._settings.policy(request.policy)
        is_whole = request.frames == pb.FRAMES_ALL
        frames = await self._nudity_scorer.serve(
            partial(self._score_frames if is_whole else self._score, request.image),
            caller=caller_of(context),
        )
        worst, score = max(frames.chosen, key=lambda frame: policy.rank(frame[1]))
        return pb.DetectNudityResponse(
            is_nude=policy.is_nude(score),
            confidence=score.nude,
            threshold=policy.threshold,
            model=_model(self._nudity_scorer.loaded),
            seconds=monotonic() - began_s,
            frame_count=frames.count,
            worst_frame=worst,
            warnings=_warnings(frames.warnings),
            policy=request.policy or DEFAULT,
            severity=_severity(policy.severity(score)),
            classes=[pb.NudityClass(name=name, confidence=share) for name, share in score.classes],
        )

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        del request, context  # not used
        return ParseDict({"models": self.host.listed(self._entries)}, pb.ListModelsResponse())

    async def _classify(self, content: bytes) -> tuple[NDArray[np.float32], Sequence[ImageWarning]]:
        prepare = self._classifier.loaded.model.prepare
        image, warnings = await self.host.decoder.read(content, partial(_prepare, prepare))
        return await self._classifier.answer(image), warnings

    async def _read_faces(
        self, content: bytes, *, with_emotions: bool = True
    ) -> tuple[list[tuple[Box, list[Emotion]]], Sequence[ImageWarning]]:
        async with self.host.decoder.opened(content, lambda decoded: decoded) as image:
            pixels = image.pixels
            faces = await self._face_reader.answer((pixels, image.is_oriented, with_emotions))
            return faces, image.warnings

    async def _score(self, content: bytes) -> Frames[NudityScore]:
        prepare = self._nudity_scorer.loaded.model.prepare
        image, warnings = await self.host.decoder.read(content, partial(_prepare, prepare))
        score = await self._nudity_scorer.answer(image)
        return Frames([(1, score)], 1, warnings)

    async def _score_frames(self, content: bytes) -> Frames[NudityScore]:
        prepare = self._nudity_scorer.loaded.model.prepare
        frames = await self.host.decoder.read_frames(content, lambda one: prepare(one.pixels))
        scores = [
            (number, await self._nudity_scorer.answer(image)) for number, image in frames.chosen
        ]
        return Frames(scores, frames.count, frames.warnings)


def _prepare(
    prepare: Callable[[RgbImage], NDArray[Number]], decoded: DecodedImage
) -> tuple[NDArray[Number], tuple[ImageWarning, ...]]:
    return prepare(decoded.pixels), decoded.warnings


def _warnings(warnings: Sequence[ImageWarning]) -> list[image_pb2.Warning]:
    return [image_pb2.Warning(code=each.code, message=each.message) for each in warnings]


def _classify(
    loaded: LoadedModel[PhotoClassifier],
    images: Sequence[NDArray[Any]],  # Any: as it takes them
) -> list[NDArray[np.float32]]:
    return loaded.model.confidences(images)


def _read_faces(
    loaded: LoadedModel[FaceReader], images: Sequence[tuple[RgbImage, bool, bool]]
) -> list[list[tuple[Box, list[Emotion]]]]:
    return [
        loaded.model.read(image, is_oriented=is_oriented, with_emotions=with_emotions)
        for image, is_oriented, with_emotions in images
    ]


def _score(
    loaded: LoadedModel[PhotoScorer], images: Sequence[NDArray[np.float32]]
) -> list[NudityScore]:
    return loaded.model.score_all(images)


def _severity(severity: Severity | None) -> "pb.Severity.ValueType":
    name = "UNSPECIFIED" if severity is None else severity.name
    return pb.Severity.Value(f"SEVERITY_{name}")


def _check_limit(limit: int, *, most: int, usual: int) -> None:
    if not 0 <= limit <= most:
        raise InvalidRequest(f"limit is {limit}; it must be from 1 to {most}, or 0 for {usual}")


def _box(box: Box) -> image_pb2.Box:
    return image_pb2.Box(left=box.left, top=box.top, right=box.right, bottom=box.bottom)


def _face(box: Box, emotions: list[Emotion]) -> pb.Face:
    return pb.Face(
        box=_box(box),
        emotions=[pb.Emotion(name=one.name, confidence=one.confidence) for one in emotions],
    )


# Any: every model of the service is named alike.
def _model(loaded: LoadedModel[Any]) -> image_pb2.Model:
    return image_pb2.Model(**loaded.named())
