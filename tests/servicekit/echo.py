"""Scripted service: the text of a request says how its RPC ends."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc

from imagemesh.image.v1.image_pb2 import Model
from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from servicekit.errors import ModelNotInstalled, UnreadableImage
from servicekit.server import Service

NAME = "imagemesh.ocr.v1.OcrService"

MODEL = Model(name="echo", version="1", device="cpu", provider="CPUExecutionProvider")

FAULTS = {
    "unreadable": UnreadableImage("image is truncated"),
    "missing": ModelNotInstalled("model 'x' is not installed: run `imagemesh models pull x`"),
    "bug": RuntimeError("secret path /etc"),
}


@dataclass
class Echo(rpc.OcrServiceServicer):
    """Servicer that answers, fails or waits, and records events."""

    is_loaded: bool = True
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    def __post_init__(self) -> None:
        if self.is_loaded:
            self.loaded.set()

    async def AnalyzeText(  # noqa: N802 - the name of the RPC
        self,
        request: pb.AnalyzeTextRequest,
        context: grpc.aio.ServicerContext[pb.AnalyzeTextRequest, pb.AnalyzeTextResponse],
    ) -> pb.AnalyzeTextResponse:
        """Do what the text says."""
        del context
        fault = FAULTS.get(request.text)
        if fault:
            raise fault
        if request.text == "wait":
            await self._wait()
        return pb.AnalyzeTextResponse(model=MODEL, seconds=len(request.text))

    async def RecognizeDocument(  # noqa: N802 - the name of the RPC
        self,
        request: pb.RecognizeDocumentRequest,
        context: grpc.aio.ServicerContext[
            pb.RecognizeDocumentRequest, pb.RecognizeDocumentResponse
        ],
    ) -> AsyncIterator[pb.RecognizeDocumentResponse]:
        """Send one page, do what the language says, and send another."""
        del context
        yield pb.RecognizeDocumentResponse(page=pb.DocumentPage(number=1))
        fault = FAULTS.get(request.language)
        if fault:
            raise fault
        if request.language == "wait":
            await self._wait()
        yield pb.RecognizeDocumentResponse(page=pb.DocumentPage(number=2))

    # Any: abstract methods of the stubs, which nobody calls.
    Recognize: Any = None
    Analyze: Any = None
    ListLanguages: Any = None
    ListModels: Any = None

    async def _wait(self) -> None:
        self.arrived.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def load(self) -> None:
        """Be ready once `loaded` is set."""
        await self.loaded.wait()

    def close(self) -> None:
        """Remember that the server let go."""
        self.closed = True

    def service(self) -> Service:
        """Return this servicer as a service of servicekit."""
        return Service(
            name=NAME,
            register=lambda server: rpc.add_OcrServiceServicer_to_server(self, server),
            load=self.load,
            close=self.close,
        )
