"""mosec: HTTP server in Rust, one worker process behind it."""

from typing import Any

import mosec

from benchmarks.serving.model import RUN_LIMIT_S, load_model, read_orders


class Worker(mosec.Worker):
    """Worker process."""

    req_mime_type = resp_mime_type = "application/octet-stream"

    def __init__(self) -> None:
        super().__init__()
        self._model = load_model(read_orders())

    def deserialize(self, data: bytes) -> bytes:
        return data

    def serialize(self, data: bytes) -> bytes:
        return data

    # Any: the framework's views of bytes, one alone or a list of them.
    def forward(self, data: Any) -> bytes | list[bytes]:
        if isinstance(data, list):
            return self._model.answer_all(data)
        return self._model.answer_all([bytes(data)])[0]


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
