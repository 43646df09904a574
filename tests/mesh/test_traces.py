"""Steps that the models of real services add to the trace of a request."""

from typing import Any

import pytest

from benchmarks.processes import serving
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as ocr_rpc
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as vision_rpc
from tests.collector import CollectedSpan, collecting
from tests.mesh.images import letter, portrait

STEPS = ["wait in queue", "decode image", "wait for model", "run model"]
LONGEST_S = 60  # of one image, on a busy machine


async def read(channel: Any) -> str:  # Any: of grpc.aio, which names it without its messages
    request = ocr_pb.RecognizeRequest(image=letter(), language="eng")
    answer = await ocr_rpc.OcrServiceStub(channel).Recognize(request, timeout=LONGEST_S)
    return str(answer.text)


async def classify(channel: Any) -> str:  # Any: as above
    request = vision_pb.ClassifyRequest(image=portrait())
    answer = await vision_rpc.VisionServiceStub(channel).Classify(request, timeout=LONGEST_S)
    return str(answer.labels[0].tag)


@pytest.mark.parametrize(
    ("name", "ask", "task"), [("ocr", read, "reader"), ("vision", classify, "classify")]
)
async def test_service_sends_each_step_before_it_ends(
    monkeypatch: pytest.MonkeyPatch, name: str, ask: Any, task: str
) -> None:
    """It is asked to stop at once, long before spans are due to be sent."""
    async with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with serving(name) as (channel, process):
            answer = await ask(channel)
            assert answer

    assert process.returncode == 0
    (request,) = [span for span in collector.spans if span.kind == "SERVER"]
    steps = [span for span in collector.spans if span.parent_id == request.span_id]
    assert [step.name for step in steps] == STEPS
    assert steps[-1].attributes == {"imagemesh.task": task, "imagemesh.batch_size": 1}
    assert 0 < total_seconds(steps) <= request.seconds
    sent = b"".join(collector.received)
    assert [line for line in answer.splitlines() if line.encode() in sent] == []


def total_seconds(spans: list[CollectedSpan]) -> float:
    """Return how long they took, which follow each other."""
    return sum(span.seconds for span in spans)
