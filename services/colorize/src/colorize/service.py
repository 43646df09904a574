"""The RPC edge of the colorize service: requests in, the model in its thread, answers out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic

import numpy as np
from google.protobuf.json_format import ParseDict
from numpy.typing import NDArray

from colorize.encoding import encode_within
from colorize.loading import load_colorizer
from colorize.merging import merge_chroma
from colorize.model import Colorizer, Sketch
from colorize.pixels import is_colored
from colorize.provenance import mark_colored
from colorize.settings import ColorizeSettings
from imagemesh.colorize.v1 import colorize_service_pb2 as pb
from imagemesh.colorize.v1 import colorize_service_pb2_grpc as rpc
from imagemesh.image.v1 import image_pb2
from modelkit.doubts import ImageWarning
from modelkit.hosting import ModelHost
from modelkit.images import DecodedImage, RgbaImage, RgbImage, decode_transparent
from modelkit.loading import LoadedModel
from modelkit.manifest import ModelEntry, load_manifest
from servicekit.callers import caller_of
from servicekit.errors import InvalidRequest
from servicekit.interceptors import Context
from servicekit.limits import MAX_IMAGE_BYTES
from servicekit.server import Service

NAME = "imagemesh.colorize.v1.ColorizeService"
MOST_STRENGTH = 1.5  # more blotches
_OPAQUE = ImageWarning(
    "transparency_lost", "a PNG of it is too large, so that it lies over white; send it smaller"
)


def build_service(
    settings: ColorizeSettings, entries: Sequence[ModelEntry] | None = None
) -> Service:
    """Return the colorize service; nothing is loaded yet.

    Args:
        settings: Of the service.
        entries: Its models; None for those of its manifest.
    """
    servicer = _ColorizeServicer(
        settings, load_manifest("colorize") if entries is None else entries
    )
    return Service(
        name=NAME,
        register=partial(rpc.add_ColorizeServiceServicer_to_server, servicer),
        load=servicer.host.load,
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


class _ColorizeServicer(rpc.ColorizeServiceServicer):
    """Servicer; decoding, merging and encoding overlap with the thread of the model."""

    def __init__(self, settings: ColorizeSettings, entries: Sequence[ModelEntry]) -> None:
        self._entries = entries
        self.host = ModelHost(settings)
        # One at a time: images differ in size, and alone each gets the same colors, to the byte,
        # whatever comes with it.
        self._colorizer = self.host.slot(
            "colorize",
            partial(load_colorizer, settings, self._entries, self.host.runtime),
            _predict,
        )

    async def Colorize(self, request: pb.ColorizeRequest, context: Context) -> pb.ColorizeResponse:
        began_s = monotonic()
        answer = await self._colorizer.serve(
            partial(self._colorize, request.image, _strength_of(request)),
            caller=caller_of(context),
        )
        answer.model.CopyFrom(image_pb2.Model(**self._colorizer.loaded.named()))
        answer.seconds = monotonic() - began_s
        return answer

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        del request, context  # not used
        return ParseDict({"models": self.host.listed(self._entries)}, pb.ListModelsResponse())

    async def _colorize(self, content: bytes, strength: float) -> pb.ColorizeResponse:
        entry = self._colorizer.loaded.entry
        decoder = self.host.decoder
        look = partial(_look, content=content, colorizer=self._colorizer.loaded.model)
        async with decoder.opened(content, look) as opened:
            if opened.sketch is None:
                return await decoder.run(_write, opened, _colors_of(opened), b"")
            chroma = strength * await self._colorizer.answer(opened.sketch.lightness)
            mark = mark_colored(entry.name, entry.version)
            return await decoder.run(_write_colored, opened, opened.sketch, chroma, mark)


def _strength_of(request: pb.ColorizeRequest) -> float:
    if not request.HasField("strength"):
        return 1.0
    if not 0 <= request.strength <= MOST_STRENGTH:
        raise InvalidRequest(
            f"strength is {request.strength:g}; it must be from 0 to {MOST_STRENGTH}"
        )
    return request.strength


def _look(decoded: DecodedImage, *, content: bytes, colorizer: Colorizer) -> _Opened:
    has_colors = is_colored(decoded.pixels)
    sketch = None if has_colors else colorizer.sketch(decoded.pixels)
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
) -> pb.ColorizeResponse:
    return _write(opened, merge_chroma(_colors_of(opened), sketch.guide, chroma), mark)


def _write(opened: _Opened, pixels: RgbImage, mark: bytes) -> pb.ColorizeResponse:
    """Return the answer without its model and time; without a mark it is the original image."""
    media_type = "image/png" if opened.decoded.media_type == "image/png" else "image/jpeg"
    height, width = pixels.shape[:2]
    alpha = None if opened.rgba is None else opened.rgba[..., 3]
    file = encode_within(pixels, media_type, max_bytes=MAX_IMAGE_BYTES, xmp=mark, alpha=alpha)
    warnings = opened.decoded.warnings
    if alpha is not None and file.media_type != "image/png":
        warnings = (*warnings, _OPAQUE)
    return pb.ColorizeResponse(
        image=file.content,
        media_type=file.media_type,
        size=image_pb2.Size(width=width, height=height),
        already_colored=not mark,
        warnings=[image_pb2.Warning(code=each.code, message=each.message) for each in warnings],
    )
