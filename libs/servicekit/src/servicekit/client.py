"""Channels to the services of the mesh."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import grpc

from servicekit.limits import MAX_MESSAGE_BYTES
from servicekit.mutual_tls import channel_credentials

# Inference changes nothing, so an RPC that no server has begun or finished may be sent again.
_SERVICE_CONFIG: Final = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        # Budget of retries: a failure takes a token, an answer gives a tenth back, and with half
        # of the tokens gone nothing is retried.
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "0.5s",
                    "backoffMultiplier": 2,
                    # A server that stops cancels what arrives in that moment.
                    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                },
            }
        ],
    }
)

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.service_config", _SERVICE_CONFIG),
    # A service that comes back must be found within a second, not after grpc's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


def open_channel(
    address: str,
    *,
    interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
    tls_dir: Path | None = None,
) -> grpc.aio.Channel:
    """Return a channel to `address` ("host:port"); it connects on first use, and again by itself.

    Messages up to 11 MiB pass; an RPC that a server refuses with UNAVAILABLE or CANCELLED is tried
    three times in all, on the next replica where the name has several. Envoy, which retries by
    itself, tells the channel not to (`grpc-retry-pushback-ms`). The caller gives every RPC its
    deadline. With a folder of certificates both sides show theirs.
    """
    if tls_dir is not None:
        credentials = channel_credentials(tls_dir)
        return grpc.aio.secure_channel(
            address, credentials, options=_OPTIONS, interceptors=interceptors
        )
    return grpc.aio.insecure_channel(address, options=_OPTIONS, interceptors=interceptors)
