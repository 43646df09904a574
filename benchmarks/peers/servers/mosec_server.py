"""mosec: its HTTP server in Rust, one worker process behind it."""

from collections.abc import Sequence

import mosec

from benchmarks.peers.model import load_model
from benchmarks.peers.orders import BATCH, RUN_LIMIT_S, read_orders


class Worker(mosec.Worker):
    """What the worker does; the names of the methods are the framework's."""

    req_mime_type = resp_mime_type = "application/octet-stream"

    def __init__(self) -> None:
        super().__init__()
        self._model = load_model(read_orders())

    def deserialize(self, data: bytes) -> bytes:
        """Take a request as it is."""
        return data

    def serialize(self, data: bytes) -> bytes:
        """Return an answer as it is."""
        return data

    def forward(self, data: Sequence[bytes]) -> list[bytes]:
        """Answer a batch."""
        return self._model.answer_all([self._model.prepare(body) for body in data])


def main() -> None:
    """Serve until told to stop; the port comes on the command line, which mosec reads itself."""
    server = mosec.Server()
    window_ms = round(1000 * read_orders().window_s)
    server.append_worker(
        Worker, num=1, max_batch_size=BATCH, max_wait_time=window_ms, timeout=RUN_LIMIT_S
    )
    server.run()


if __name__ == "__main__":
    main()
