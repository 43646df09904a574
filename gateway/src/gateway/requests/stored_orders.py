"""Orders of jobs as the object store keeps them, until their jobs have ended."""

from collections.abc import Sequence

import msgspec

from gateway.accounts.keys import ApiKey
from gateway.endpoint_table import HANDLERS
from gateway.input.inputs import Input
from gateway.media import EncodedImage
from gateway.problems import Problem
from gateway.requests.batch import Item
from gateway.requests.orders import Order
from servicekit.tracing.steps import current_trace


class _StoredItem(msgspec.Struct, frozen=True):
    """One request whose fields are good."""

    endpoint: str
    request: bytes
    image: EncodedImage | None


class _StoredProblem(msgspec.Struct, frozen=True):
    """Error of a request whose fields are not good."""

    status: int
    code: str
    message: str


class _StoredRequest(msgspec.Struct, frozen=True):
    """Item of an order: one of the two."""

    item: _StoredItem | None = None
    problem: _StoredProblem | None = None


class _StoredOrder(msgspec.Struct, frozen=True):
    """Order of a job."""

    key: ApiKey
    request_id: str
    base_url: str
    is_batch: bool
    traceparent: str | None
    requests: list[_StoredRequest]


def encode_order(order: Order) -> bytes:
    """Return an order as bytes."""
    requests = [_encode(item) for item in order.items]
    trace = current_trace()
    stored = _StoredOrder(
        key=order.key,
        request_id=order.request_id,
        base_url=order.base_url,
        is_batch=order.is_batch,
        traceparent=None if trace is None else trace.traceparent,
        requests=requests,
    )
    return msgspec.msgpack.encode(stored)


def decode_order(content: bytes, *, job: str) -> Order:
    """Return the order of these bytes, for the job of that id."""
    stored = msgspec.msgpack.decode(content, type=_StoredOrder)
    return Order(
        key=stored.key,
        request_id=stored.request_id,
        base_url=stored.base_url,
        items=_decode(stored.requests),
        is_batch=stored.is_batch,
        is_async=True,
        webhook=None,
        idempotency_key=None,
        fingerprint="",
        deadline_s=0.0,
        job=job,
        traceparent=stored.traceparent,
    )


def _encode(item: Item | Problem) -> _StoredRequest:
    if isinstance(item, Problem):
        return _StoredRequest(problem=_StoredProblem(item.status, item.code, str(item)))
    request = msgspec.json.encode(item.given.request)
    stored = _StoredItem(item.handler.endpoint.name, request, item.given.image)
    return _StoredRequest(item=stored)


def _decode(requests: Sequence[_StoredRequest]) -> list[Item | Problem]:
    items: list[Item | Problem] = []
    for one in requests:
        if one.item is not None:
            handler = HANDLERS[one.item.endpoint]
            request = msgspec.json.decode(one.item.request, type=handler.endpoint.request)
            items.append(Item(handler, Input(request, one.item.image)))
        elif one.problem is not None:
            problem = one.problem
            items.append(Problem(problem.status, problem.code, problem.message))
    return items
