"""Calls of every RPC that takes an image."""

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

TIMEOUT_S = 3600  # a service ends a request without a deadline after 60 s
# Any: a stub, a request and an answer of any RPC.
Call = Callable[[grpc.aio.Channel, bytes], Coroutine[Any, Any, Any]]


def _unary(stub: Callable[[grpc.aio.Channel], Any], rpc: str, request: Any, **fields: str) -> Call:
    async def call(channel: grpc.aio.Channel, image: bytes) -> Any:
        return await getattr(stub(channel), rpc)(request(image=image, **fields), timeout=TIMEOUT_S)

    return call


async def _recognize_document(
    channel: grpc.aio.Channel, image: bytes
) -> list[ocr_pb.RecognizeDocumentResponse]:
    stub = ocr_rpc.OcrServiceStub(channel)
    request = ocr_pb.RecognizeDocumentRequest(document=_to_document(image), language="eng")
    return [answer async for answer in stub.RecognizeDocument(request, timeout=TIMEOUT_S)]


def _to_document(image: bytes) -> bytes:
    """Return a TIFF of two pages, the image and its left half; a damaged one stays as it is."""
    document = BytesIO()
    try:
        with Image.open(BytesIO(image)) as page:
            half = page.crop((0, 0, page.width // 2, page.height))
            page.save(document, "TIFF", save_all=True, append_images=[half])
    except OSError:
        return image
    return document.getvalue()


_COLORIZE, _OCR = colorize_rpc.ColorizeServiceStub, ocr_rpc.OcrServiceStub
_VISION = vision_rpc.VisionServiceStub
CALLS: Final[dict[str, dict[str, Call]]] = {
    "colorize": {"Colorize": _unary(_COLORIZE, "Colorize", colorize_pb.ColorizeRequest)},
    "ocr": {
        "Recognize": _unary(_OCR, "Recognize", ocr_pb.RecognizeRequest, language="eng"),
        "RecognizeDocument": _recognize_document,
        "Analyze": _unary(_OCR, "Analyze", ocr_pb.AnalyzeRequest),
    },
    "vision": {
        "Classify": _unary(_VISION, "Classify", vision_pb.ClassifyRequest),
        "DetectEmotions": _unary(_VISION, "DetectEmotions", vision_pb.DetectEmotionsRequest),
        "DetectNudity": _unary(_VISION, "DetectNudity", vision_pb.DetectNudityRequest),
    },
}
"""Of each service, its RPCs; a streaming one returns the list of its answers."""
