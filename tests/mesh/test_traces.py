"""Steps that the models of a real service add to the trace of a request."""

import pytest

from benchmarks.processes import serving
from imagemesh.ocr.v1.ocr_service_pb2 import RecognizeRequest
from imagemesh.ocr.v1.ocr_service_pb2_grpc import OcrServiceStub
from tests.collector import CollectedSpan, collecting
from tests.mesh.images import letter

STEPS = ["wait in queue", "decode image", "wait for model", "run model"]
LONGEST_S = 60  # of one image, on a busy machine


async def test_service_sends_each_step_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked to stop at once, long before spans are due to be sent."""
    async with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with serving("ocr") as (channel, process):
            request = RecognizeRequest(image=letter(), language="eng")
            answer = await OcrServiceStub(channel).Recognize(request, timeout=LONGEST_S)

    assert process.returncode == 0
    (asked,) = [span for span in collector.spans if span.kind == "SERVER"]
    steps = [span for span in collector.spans if span.parent_id == asked.span_id]
    assert [step.name for step in steps] == STEPS
    assert steps[-1].attributes == {"imagemesh.task": "reader", "imagemesh.batch_size": 1}
    assert 0 < total_seconds(steps) <= asked.seconds
    sent = b"".join(collector.received)
    assert [line for line in answer.text.splitlines() if line.encode() in sent] == []


def total_seconds(spans: list[CollectedSpan]) -> float:
    """Return how long they took, which follow each other."""
    return sum(span.seconds for span in spans)
