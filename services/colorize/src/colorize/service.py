"""The RPC edge of the colorize service: requests in, the model in its thread, answers out."""

from dataclasses import dataclass
from functools import partial
from time import monotonic

import grpc
import torch

from colorize.encoding import EncodedImage, encode_within
from colorize.model import Colorizer
from colorize.pixels import is_coloured
from colorize.settings import ColorizeSettings
from imagemesh.colorize.v1 import colorize_service_pb2 as pb
from imagemesh.colorize.v1 import colorize_service_pb2_grpc as rpc
from imagemesh.image.v1 import image_pb2
from modelkit.devices import pick_device
from modelkit.images import ImageLimits, decode_image
from modelkit.loading import LoadedModel, ModelSlot
from modelkit.manifest import find_model, load_manifest
from servicekit.limits import MAX_IMAGE_BYTES
from servicekit.server import Service

NAME = "imagemesh.colorize.v1.ColorizeService"


def build_service(settings: ColorizeSettings) -> Service:
    """Return the colorize service; nothing is loaded yet."""
    servicer = _ColorizeServicer(settings)
    return Service(
        name=NAME,
        register=partial(rpc.add_ColorizeServiceServicer_to_server, servicer),
        load=servicer.load,
        close=servicer.close,
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    file: EncodedImage
    width: int
    height: int
    already_coloured: bool


class _ColorizeServicer(rpc.ColorizeServiceServicer):
    """Decoding, colouring and encoding share the model's thread: one picture in memory at once."""

    def __init__(self, settings: ColorizeSettings) -> None:
        self._settings = settings
        self._limits = ImageLimits(max_pixels=settings.max_image_pixels)
        self._colorizer = ModelSlot[Colorizer]("colorize", max_waiting=settings.max_waiting)

    async def load(self) -> None:
        if self._settings.threads > 0:
            torch.set_num_threads(self._settings.threads)
        await self._colorizer.load(partial(_load_colorizer, self._settings))

    def close(self) -> None:
        self._colorizer.close()

    async def Colorize(  # noqa: N802 - the name of the RPC
        self,
        request: pb.ColorizeRequest,
        context: grpc.aio.ServicerContext[pb.ColorizeRequest, pb.ColorizeResponse],
    ) -> pb.ColorizeResponse:
        began_s = monotonic()
        answer = await self._colorizer.run(
            _colorize, request.image, self._limits, timeout_s=context.time_remaining()
        )
        loaded = self._colorizer.loaded
        return pb.ColorizeResponse(
            image=answer.file.content,
            media_type=answer.file.media_type,
            size=image_pb2.Size(width=answer.width, height=answer.height),
            already_coloured=answer.already_coloured,
            model=image_pb2.Model(
                name=loaded.entry.name, version=loaded.entry.version, device=loaded.device
            ),
            seconds=monotonic() - began_s,
        )


def _load_colorizer(settings: ColorizeSettings) -> LoadedModel[Colorizer]:
    found = find_model(
        load_manifest("colorize"),
        "colorize",
        models_dir=settings.models_dir,
        profile=settings.profile,
    )
    device = pick_device(settings.device)
    return LoadedModel(Colorizer(found.path, device=device), found.entry, device)


def _colorize(colorizer: Colorizer, content: bytes, limits: ImageLimits) -> _Answer:
    decoded = decode_image(content, limits)
    has_colours = is_coloured(decoded.pixels)
    pixels = decoded.pixels if has_colours else colorizer.colorize(decoded.pixels)
    media_type = "image/png" if decoded.media_type == "image/png" else "image/jpeg"
    height, width = pixels.shape[:2]
    file = encode_within(pixels, media_type, max_bytes=MAX_IMAGE_BYTES)
    return _Answer(file, width, height, already_coloured=has_colours)
