"""LitServe: one worker process for the model, one process for HTTP.

Images come as files of a multipart form, its usual way. That needs python-multipart, which it does
not ask for.
"""

from typing import Any

import litserve
from fastapi import Response, UploadFile

from benchmarks.serving.model import load_model, read_orders


class Api(litserve.LitAPI):
    """Worker process."""

    def setup(self, device: str) -> None:
        del device
        self._model = load_model(read_orders())

    def decode_request(self, request: UploadFile) -> Any:
        return request.file.read()

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def predict(self, x: Any) -> Any:
        if isinstance(x, bytes):
            return self._model.answer_all([x])[0]
        return self._model.answer_all(x)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        return output

    def encode_response(self, output: bytes) -> Response:
        return Response(output)


def main() -> None:
    """Serve until told to stop."""
    orders = read_orders()
    api = Api(max_batch_size=orders.batch, batch_timeout=orders.window_s)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(host="127.0.0.1", port=orders.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
