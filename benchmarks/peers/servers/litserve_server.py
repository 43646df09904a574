"""LitServe: one worker process that collects batches, one process for HTTP.

Pictures come as files of a multipart form, its usual way; a plain body costs more. That needs
python-multipart, which it does not ask for.
"""

from typing import Any

import litserve
from fastapi import Response, UploadFile

from benchmarks.peers.model import load_model
from benchmarks.peers.orders import BATCH, read_orders


class Api(litserve.LitAPI):
    """What the worker does; the names of the methods are the framework's."""

    def setup(self, device: str) -> None:
        """Load the model."""
        del device
        self._model = load_model(read_orders())

    def decode_request(self, request: UploadFile) -> Any:
        """Prepare one request."""
        return self._model.prepare(request.file.read())

    def batch(self, inputs: list[Any]) -> list[Any]:
        """Leave the batch as it is."""
        return inputs

    def predict(self, x: list[Any]) -> list[bytes]:
        """Answer a batch."""
        return self._model.answer_all(x)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        """Leave the answers as they are."""
        return output

    def encode_response(self, output: bytes) -> Response:
        """Return an answer as it is."""
        return Response(output)


def main() -> None:
    """Serve until told to stop."""
    orders = read_orders()
    api = Api(max_batch_size=BATCH, batch_timeout=orders.window_s)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(host="127.0.0.1", port=orders.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
