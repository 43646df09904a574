"""Read the text of an image over gRPC: `python recognize.py 127.0.0.1:50052 receipt.jpg`."""

import sys
from pathlib import Path

import grpc

from imagemesh.ocr.v1.ocr_service_pb2 import RecognizeRequest
from imagemesh.ocr.v1.ocr_service_pb2_grpc import OcrServiceStub

TIMEOUT_S = 60.0


def main(address: str, path: str) -> None:
    """Print the text, or the reason why there is none."""
    request = RecognizeRequest(image=Path(path).read_bytes(), language="eng")
    with grpc.insecure_channel(address) as channel:
        try:
            answer = OcrServiceStub(channel).Recognize(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")
    sys.stdout.write(f"{answer.text}\n[{answer.model.name}, {len(answer.lines)} lines]\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
