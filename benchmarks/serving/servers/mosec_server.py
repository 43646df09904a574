"""mosec: HTTP server in Rust, one worker process behind it."""

from collections.abc import Sequence

import mosec

from benchmarks.serving.model import RUN_LIMIT_S, ServedModel, read_orders


class Worker(mosec.Worker):
    """Worker process; the names of the methods are the framework's."""

    req_mime_type = resp_mime_type = "application/octet-stream"

    def __init__(self) -> None:
        super().__init__()
        self._served = ServedModel()

    def deserialize(self, data: bytes) -> bytes:
        """Return a request as it is."""
        return data

    def serialize(self, data: bytes) -> bytes:
        """Return an answer as it is."""
        return data

    def forward(self, data: bytes | Sequence[bytes]) -> bytes | list[bytes]:
        """Answer one request, or a batch where batches are allowed."""
        return (
            self._served.answer(data) if isinstance(data, bytes) else self._served.answer_all(data)
        )


def main() -> None:
    """Serve until told to stop; mosec reads the port from the command line."""
    orders = read_orders()
    server = mosec.Server()
    server.append_worker(
        Worker,
        num=1,
        max_batch_size=orders.batch,
        max_wait_time=round(1000 * orders.window_s),
        timeout=RUN_LIMIT_S,
    )
    server.run()


if __name__ == "__main__":
    main()
