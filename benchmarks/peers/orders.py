"""What a server is told, in its environment: some frameworks start their processes themselves."""

import os
from dataclasses import dataclass

BATCH = 8
RUN_LIMIT_S = 3  # what takes longer hangs, for a server that can be told so


@dataclass(frozen=True, slots=True)
class Orders:
    """What a server is told.

    Attributes:
        port: To listen on.
        model: "echo", "classify" or "scripted".
        window_s: How long a framework that waits for fuller batches waits.
        weights: File of the network that classifies.
        executed: File to which the scripted model writes what it is given.
    """

    port: int
    model: str
    window_s: float = 0.005
    weights: str = ""
    executed: str = ""


def to_environment(orders: Orders) -> dict[str, str]:
    """Return the variables that carry the orders."""
    return {
        "PEER_PORT": str(orders.port),
        "PEER_MODEL": orders.model,
        "PEER_WINDOW_S": str(orders.window_s),
        "PEER_WEIGHTS": orders.weights,
        "PEER_EXECUTED": orders.executed,
    }


def read_orders() -> Orders:
    """Return the orders of this process."""
    told = os.environ  # noqa: TID251 - the frameworks' processes know no settings of ours
    return Orders(
        port=int(told["PEER_PORT"]),
        model=told["PEER_MODEL"],
        window_s=float(told["PEER_WINDOW_S"]),
        weights=told["PEER_WEIGHTS"],
        executed=told["PEER_EXECUTED"],
    )
