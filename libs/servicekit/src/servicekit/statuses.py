"""Errors of the mesh as gRPC statuses, and back."""

from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from servicekit.errors import MeshError

ERROR_DOMAIN = "imagemesh"


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: MeshError) -> None:
    """End the RPC with the status of `error`; its reason travels as google.rpc.ErrorInfo.

    The context is generic over messages that do not matter here, hence Any.
    """
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN))
    code = grpc.StatusCode[error.status]
    proto = status_pb2.Status(code=code.value[0], message=str(error), details=[detail])
    status = rpc_status.to_status(proto)
    await context.abort(status.code, status.details or "", status.trailing_metadata or ())


def reason_of(error: grpc.aio.AioRpcError) -> str | None:
    """Return the reason that `abort` put into a status; None for a status of another server."""
    metadata = error.trailing_metadata() or ()
    for key, value in metadata:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            return _reason_in(status_pb2.Status.FromString(value))
    return None


def _reason_in(status: status_pb2.Status) -> str | None:
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info) and info.domain == ERROR_DOMAIN:
            return str(info.reason)
    return None
