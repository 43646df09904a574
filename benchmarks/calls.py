"""Every RPC that takes a picture, called alike."""

from collections.abc import Callable, Coroutine
from io import BytesIO
from typing import Any, Final

import grpc
from PIL import Image

from imagemesh.colorize.v1 import colorize_service_pb2 as colorize_pb
from imagemesh.colorize.v1 import colorize_service_pb2_grpc as colorize_rpc
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as ocr_rpc
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as vision_rpc

# Any: a call of any RPC of any service.
Call = Callable[[grpc.aio.Channel, bytes], Coroutine[Any, Any, Any]]


async def _colorize(channel: grpc.aio.Channel, image: bytes) -> colorize_pb.ColorizeResponse:
    stub = colorize_rpc.ColorizeServiceStub(channel)
    return await stub.Colorize(colorize_pb.ColorizeRequest(image=image))


async def _recognize(channel: grpc.aio.Channel, image: bytes) -> ocr_pb.RecognizeResponse:
    stub = ocr_rpc.OcrServiceStub(channel)
    return await stub.Recognize(ocr_pb.RecognizeRequest(image=image, language="eng"))


async def _recognize_document(
    channel: grpc.aio.Channel, image: bytes
) -> list[ocr_pb.RecognizeDocumentResponse]:
    stub = ocr_rpc.OcrServiceStub(channel)
    request = ocr_pb.RecognizeDocumentRequest(document=_to_document(image), language="eng")
    return [answer async for answer in stub.RecognizeDocument(request)]


def _to_document(image: bytes) -> bytes:
    """Return a TIFF of two pages, the picture and its left half; a damaged one stays as it is."""
    document = BytesIO()
    try:
        with Image.open(BytesIO(image)) as page:
            half = page.crop((0, 0, page.width // 2, page.height))
            page.save(document, "TIFF", save_all=True, append_images=[half])
    except OSError:
        return image
    return document.getvalue()


async def _analyze(channel: grpc.aio.Channel, image: bytes) -> ocr_pb.AnalyzeResponse:
    stub = ocr_rpc.OcrServiceStub(channel)
    return await stub.Analyze(ocr_pb.AnalyzeRequest(image=image))


async def _classify(channel: grpc.aio.Channel, image: bytes) -> vision_pb.ClassifyResponse:
    stub = vision_rpc.VisionServiceStub(channel)
    return await stub.Classify(vision_pb.ClassifyRequest(image=image))


async def _detect_emotions(
    channel: grpc.aio.Channel, image: bytes
) -> vision_pb.DetectEmotionsResponse:
    stub = vision_rpc.VisionServiceStub(channel)
    return await stub.DetectEmotions(vision_pb.DetectEmotionsRequest(image=image))


async def _detect_nudity(channel: grpc.aio.Channel, image: bytes) -> vision_pb.DetectNudityResponse:
    stub = vision_rpc.VisionServiceStub(channel)
    return await stub.DetectNudity(vision_pb.DetectNudityRequest(image=image))


CALLS: Final[dict[str, dict[str, Call]]] = {
    "colorize": {"Colorize": _colorize},
    "ocr": {
        "Recognize": _recognize,
        "RecognizeDocument": _recognize_document,
        "Analyze": _analyze,
    },
    "vision": {
        "Classify": _classify,
        "DetectEmotions": _detect_emotions,
        "DetectNudity": _detect_nudity,
    },
}
"""Of each service, its RPCs; one that streams gives the list of its answers."""
