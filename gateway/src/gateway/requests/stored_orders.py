"""Orders of jobs as the object store keeps them, until their jobs have ended."""

import msgspec

from gateway.accounts.keys import ApiKey
from gateway.endpoint_table import HANDLERS
from gateway.input.inputs import Input
from gateway.media import EncodedImage
from gateway.problems import Problem
from gateway.requests.batch import Item
from gateway.requests.orders import Order
from servicekit.tracing.steps import current_trace


class _StoredItem(msgspec.Struct, frozen=True, tag="item"):
    """One request whose fields are good."""

    endpoint: str
    request: bytes
    image: EncodedImage | None


class _StoredProblem(msgspec.Struct, frozen=True, tag="problem"):
    """Error of a request whose fields are not good."""

    status: int
    code: str
    message: str


class _StoredOrder(msgspec.Struct, frozen=True):
    """Order of a job."""

    key: ApiKey
    request_id: str
    base_url: str
    is_batch: bool
    traceparent: str | None
    requests: list[_StoredItem | _StoredProblem]


def encode_order(order: Order) -> bytes:
    """Return an order as bytes."""
    trace = current_trace()
    stored = _StoredOrder(
        key=order.key,
        request_id=order.request_id,
        base_url=order.base_url,
        is_batch=order.is_batch,
        traceparent=None if trace is None else trace.traceparent,
        requests=[_encode(item) for item in order.items],
    )
    return msgspec.msgpack.encode(stored)


def decode_order(content: bytes, *, job: str) -> Order:
    """Return the order of these bytes, for the job of that id."""
    stored = msgspec.msgpack.decode(content, type=_StoredOrder)
    return Order(
        key=stored.key,
        request_id=stored.request_id,
        base_url=stored.base_url,
        items=[_decode(one) for one in stored.requests],
        is_batch=stored.is_batch,
        is_async=True,
        webhook=None,
        idempotency_key=None,
        fingerprint="",
        deadline_s=0.0,
        job=job,
        traceparent=stored.traceparent,
    )


def _encode(item: Item | Problem) -> _StoredItem | _StoredProblem:
    if isinstance(item, Problem):
        return _StoredProblem(item.status, item.code, str(item))
    request = msgspec.json.encode(item.given.request)
    return _StoredItem(item.handler.endpoint.name, request, item.given.image)


def _decode(stored: _StoredItem | _StoredProblem) -> Item | Problem:
    if isinstance(stored, _StoredProblem):
        return Problem(stored.status, stored.code, stored.message)
    handler = HANDLERS[stored.endpoint]
    request = msgspec.json.decode(stored.request, type=handler.endpoint.request)
    return Item(handler, Input(request, stored.image))
