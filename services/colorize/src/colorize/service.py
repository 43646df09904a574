"""The RPC edge of the colorize service: requests in, the model in its thread, answers out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic

import cv2
import grpc
import numpy as np
from numpy.typing import NDArray

from colorize.encoding import EncodedImage, encode_within
from colorize.loading import load_colorizer
from colorize.merging import merge_chroma
from colorize.model import Colorizer, Sketch, make_sketch
from colorize.pixels import is_coloured
from colorize.provenance import mark_coloured
from colorize.settings import ColorizeSettings
from imagemesh.colorize.v1 import colorize_service_pb2 as pb
from imagemesh.colorize.v1 import colorize_service_pb2_grpc as rpc
from imagemesh.image.v1 import image_pb2
from modelkit.doubts import ImageWarning
from modelkit.hosting import ModelHost
from modelkit.images import DecodedImage, RgbaImage, RgbImage, decode_transparent
from modelkit.loading import LoadedModel
from modelkit.manifest import load_manifest
from servicekit.callers import caller_of
from servicekit.errors import InvalidRequest
from servicekit.limits import MAX_IMAGE_BYTES
from servicekit.server import Service

NAME = "imagemesh.colorize.v1.ColorizeService"
MOST_STRENGTH = 1.5  # more blotches
_OPAQUE = ImageWarning(
    "transparency_lost", "a PNG of it is too large, so that it lies over white; send it smaller"
)


def build_service(settings: ColorizeSettings) -> Service:
    """Return the colorize service; nothing is loaded yet."""
    servicer = _ColorizeServicer(settings)
    return Service(
        name=NAME,
        register=partial(rpc.add_ColorizeServiceServicer_to_server, servicer),
        load=servicer.load,
        close=servicer.host.close,
        health=servicer.host.health,
        metrics=servicer.host.metrics,
    )


@dataclass(frozen=True, slots=True)
class _Opened:
    """Decoded image; one that has colors already has no sketch, an opaque one no `rgba`."""

    decoded: DecodedImage
    sketch: Sketch | None
    rgba: RgbaImage | None


@dataclass(frozen=True, slots=True)
class _Answer:
    file: EncodedImage
    width: int
    height: int
    already_coloured: bool
    warnings: Sequence[ImageWarning]


class _ColorizeServicer(rpc.ColorizeServiceServicer):
    """The model's thread only guesses; decoding, merging and encoding overlap with it."""

    def __init__(self, settings: ColorizeSettings) -> None:
        self._settings = settings
        self._entries = load_manifest("colorize")
        self.host = ModelHost(settings)
        # One at a time: images differ in size, and alone each gets the same colors, to the byte,
        # whatever comes with it.
        self._colorizer = self.host.slot(
            "colorize",
            partial(load_colorizer, settings, self._entries, self.host.runtime),
            _predict,
        )

    async def load(self) -> None:
        cv2.setNumThreads(self._settings.threads)
        await self.host.load()

    async def Colorize(  # noqa: N802 - the name of the RPC
        self,
        request: pb.ColorizeRequest,
        context: grpc.aio.ServicerContext[pb.ColorizeRequest, pb.ColorizeResponse],
    ) -> pb.ColorizeResponse:
        began_s = monotonic()
        answer = await self._colorizer.serve(
            partial(self._colorize, request.image, _strength_of(request)),
            caller=caller_of(context),
            timeout_s=context.time_remaining(),
        )
        loaded = self._colorizer.loaded
        return pb.ColorizeResponse(
            image=answer.file.content,
            media_type=answer.file.media_type,
            size=image_pb2.Size(width=answer.width, height=answer.height),
            already_coloured=answer.already_coloured,
            model=image_pb2.Model(**loaded.named()),
            seconds=monotonic() - began_s,
            warnings=[
                image_pb2.Warning(code=each.code, message=each.message) for each in answer.warnings
            ],
        )

    async def ListModels(  # noqa: N802 - as above
        self,
        request: pb.ListModelsRequest,  # noqa: ARG002 - it has no fields
        context: grpc.aio.ServicerContext[pb.ListModelsRequest, pb.ListModelsResponse],  # noqa: ARG002
    ) -> pb.ListModelsResponse:
        return pb.ListModelsResponse(
            models=[
                image_pb2.ModelInfo(
                    model=image_pb2.Model(**self.host.named(entry)), **entry.public()
                )
                for entry in self._entries
            ]
        )

    async def _colorize(
        self, content: bytes, strength: float, loaded: LoadedModel[Colorizer]
    ) -> _Answer:
        decoder = self.host.decoder
        async with decoder.opened(content, partial(_look, content=content)) as opened:
            if opened.sketch is None:
                return await decoder.run(_write, opened, _colors_of(opened), b"")
            chroma = strength * await self._colorizer.answer(opened.sketch.lightness)
            mark = mark_coloured(loaded.entry.name, loaded.entry.version)
            return await decoder.run(_write_colored, opened, opened.sketch, chroma, mark)


def _strength_of(request: pb.ColorizeRequest) -> float:
    if not request.HasField("strength"):
        return 1.0
    if not 0 <= request.strength <= MOST_STRENGTH:
        raise InvalidRequest(
            f"strength is {request.strength:g}; it must be from 0 to {MOST_STRENGTH}"
        )
    return request.strength


def _look(decoded: DecodedImage, *, content: bytes) -> _Opened:
    has_colors = is_coloured(decoded.pixels)
    sketch = None if has_colors else make_sketch(decoded.pixels)
    return _Opened(decoded, sketch, decode_transparent(content))


def _colors_of(opened: _Opened) -> RgbImage:
    """Return the colors that came, not those over white where a pixel is half transparent."""
    return opened.decoded.pixels if opened.rgba is None else opened.rgba[..., :3].copy()


def _predict(
    loaded: LoadedModel[Colorizer], images: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    return [loaded.model.predict(image) for image in images]


def _write_colored(
    opened: _Opened, sketch: Sketch, chroma: NDArray[np.float32], mark: bytes
) -> _Answer:
    return _write(opened, merge_chroma(_colors_of(opened), sketch.guide, chroma), mark)


def _write(opened: _Opened, pixels: RgbImage, mark: bytes) -> _Answer:
    """Write the answer; without a mark it is the image as it came."""
    media_type = "image/png" if opened.decoded.media_type == "image/png" else "image/jpeg"
    height, width = pixels.shape[:2]
    alpha = None if opened.rgba is None else opened.rgba[..., 3]
    file = encode_within(pixels, media_type, max_bytes=MAX_IMAGE_BYTES, xmp=mark, alpha=alpha)
    warnings = opened.decoded.warnings
    if alpha is not None and file.media_type != "image/png":
        warnings = (*warnings, _OPAQUE)
    return _Answer(file, width, height, already_coloured=not mark, warnings=warnings)
