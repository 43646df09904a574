"""Spinner of a command that waits for one answer; only a terminal shows it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.status import Status

from imagemesh.client.errors import ApiError, ClientError
from imagemesh.client.retries import Tell


@contextmanager
def spinner() -> Iterator[Tell | None]:
    """Show a spinner, and give a function that shows the reason of a retry in it."""
    if not sys.stderr.isatty():
        yield None
        return
    with Console(stderr=True).status("waiting for the answer") as status:
        yield partial(_show, status)


def _show(status: Status, error: ClientError, wait_s: float) -> None:
    reason = error.status if isinstance(error, ApiError) else "no answer"
    status.update(f"retrying ({reason}) in {wait_s:.0f} s")
