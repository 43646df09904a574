"""Requests as each protocol frames them."""

from imagemesh.vision.v1 import vision_service_pb2 as pb

_BOUNDARY = "----------------------benchmark"
FORM_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
BYTES_TYPE = "application/octet-stream"


def plain(body: bytes) -> bytes:
    """Return the body of an HTTP request."""
    return body


def form(body: bytes, *, name: str = "request") -> bytes:
    """Return a multipart form with one file."""
    head = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{name}"; filename="body"\r\n'
        f"Content-Type: {BYTES_TYPE}\r\n\r\n"
    )
    return head.encode() + body + f"\r\n--{_BOUNDARY}--\r\n".encode()


def classify(body: bytes) -> bytes:
    """Return the message of our own RPC."""
    return pb.ClassifyRequest(image=body).SerializeToString()


def grpc_frame(message: bytes) -> bytes:
    """Return a message with gRPC's prefix: not compressed, its length."""
    return b"\x00" + len(message).to_bytes(4, "big") + message
