"""Requests as each protocol frames them; answers are searched for what is expected in them."""

from imagemesh.vision.v1 import vision_service_pb2 as pb

_BOUNDARY = "----------------------peers"
FORM_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_LENGTH_DELIMITED = 2  # a wire type of protocol buffers
_CONTINUES = 0x80


def plain(body: bytes) -> bytes:
    """Return the body of an HTTP request."""
    return body


def form(body: bytes) -> bytes:
    """Return a multipart form with one file, `request`."""
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="request"; filename="body"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + body + f"\r\n--{_BOUNDARY}--\r\n".encode()


def classify_request(body: bytes) -> bytes:
    """Return the message of our own RPC."""
    return pb.ClassifyRequest(image=body).SerializeToString()


def infer_request(body: bytes) -> bytes:
    """Return a ModelInferRequest of the open inference protocol, version 2, with one BYTES row.

    Written by hand: its generated code is in no environment but the peers'.
    Source: the field numbers of grpc_predict_v2.proto.
    """
    contents = _field(8, body)
    tensor = _field(1, b"body") + _field(2, b"BYTES") + _field(3, b"\x01\x01") + _field(5, contents)
    return _field(1, b"peer") + _field(5, tensor)


def grpc_frame(message: bytes) -> bytes:
    """Return a message with gRPC's prefix: not compressed, its length."""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number >= _CONTINUES:
        digits.append(number & (_CONTINUES - 1) | _CONTINUES)
        number >>= 7
    return bytes([*digits, number])
