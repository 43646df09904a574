"""BentoML: one worker, its own batches; started by `bentoml serve`.

Bytes reach a service that batches only as files of a multipart form. It waits as long as its model
of the delays advises; no window can be set.
"""

from pathlib import Path

import bentoml

from benchmarks.peers.model import load_model
from benchmarks.peers.orders import BATCH, read_orders


@bentoml.service(
    workers=1,
    traffic={"timeout": 60, "max_concurrency": 256},
    logging={"access": {"enabled": False}},
)
class Served:
    """What answers batches."""

    def __init__(self) -> None:
        self._model = load_model(read_orders())

    @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=60_000)
    def predict(self, request: list[Path]) -> list[str]:
        """Answer a batch of files."""
        prepared = [self._model.prepare(body.read_bytes()) for body in request]
        return [answer.decode() for answer in self._model.answer_all(prepared)]
