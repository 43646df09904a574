"""POST /api/v1/colorize on ColorizeService.Colorize; the colored image is hosted."""

from typing import Final

from contract.endpoints.colorize import (
    ENDPOINT,
    ColorizeAnswer,
    Colorized,
    ColorizeDetails,
    ColorizeRequest,
)
from gateway.backends import COLORIZE, Backends, CallContext, call
from gateway.endpoint_handler import EndpointHandler, ProducedFile
from gateway.hosting.hosted import RESULTS_PATH
from gateway.messages import model_of, warnings_of
from imagemesh.colorize.v1 import colorize_service_pb2 as pb


async def _ask(
    backends: Backends, request: ColorizeRequest, image: bytes, context: CallContext
) -> pb.ColorizeResponse:
    asked = pb.ColorizeRequest(image=image, strength=request.strength)
    return await call(backends.colorize.Colorize, asked, context)


def _file(response: pb.ColorizeResponse) -> ProducedFile:
    return ProducedFile(response.image, response.media_type, RESULTS_PATH)


def _answer(_: ColorizeRequest, response: pb.ColorizeResponse, url: str) -> ColorizeAnswer:
    details = ColorizeDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        width=response.size.width,
        height=response.size.height,
        already_colored=response.already_colored,
        warnings=warnings_of(response.warnings),
    )
    return ColorizeAnswer(Colorized(url), details)


HANDLER: Final = EndpointHandler(
    endpoint=ENDPOINT,
    rpcs=(f"/{COLORIZE}/Colorize",),
    tasks=("colorize",),
    ask=_ask,
    answer=_answer,
    file=_file,
)
