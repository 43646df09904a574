"""BentoML: one worker, with its own batches where they are allowed; started by `bentoml serve`.

Bytes reach a batched API only as files of a multipart form. No batch window can be set.
"""

from pathlib import Path

import bentoml

from benchmarks.serving.model import BATCH, load_model, read_orders

_service = bentoml.service(
    workers=1,
    traffic={"timeout": 60, "max_concurrency": 256},
    logging={"access": {"enabled": False}},
)


@_service
class Single:
    """Service that answers one request at a time."""

    def __init__(self) -> None:
        self._model = load_model(read_orders())

    @bentoml.api
    def predict(self, request: Path) -> str:
        return self._model.answer_all([request.read_bytes()])[0].decode()


@_service
class Batched:
    """Service that answers batches."""

    def __init__(self) -> None:
        self._model = load_model(read_orders())

    @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=60_000)
    def predict(self, request: list[Path]) -> list[str]:
        answers = self._model.answer_all([body.read_bytes() for body in request])
        return [answer.decode() for answer in answers]


Served = Single if read_orders().batch == 1 else Batched
