"""What the two ways to a server, REST and gRPC, have in common."""

from pathlib import Path
from typing import Protocol, TypeVar

from imagemesh.client.answers import Answer, Language, Usage
from imagemesh.client.errors import InvalidInput
from imagemesh.client.images import Image, Picture
from imagemesh.client.requests import Request

ResultT = TypeVar("ResultT")


class Transport(Protocol):
    """A way to one server; every method makes one attempt and raises a ClientError."""

    async def ask(
        self,
        request: Request[ResultT],
        image: Image | None,
        *,
        idempotency_key: str,
        timeout_s: float,
    ) -> Answer[ResultT]:
        """Return the answer to `request`; calls with one key are charged once."""
        ...

    async def languages(self, *, timeout_s: float) -> tuple[Language, ...]:
        """Return the languages that the server knows."""
        ...

    async def usage(self, *, timeout_s: float) -> Usage:
        """Return what the key's account has and did."""
        ...

    async def download(self, url: str, *, timeout_s: float) -> Picture:
        """Return the coloured picture or the PDF that is hosted at `url`."""
        ...


def read_certificates(path: Path) -> str:
    """Return the text of a PEM file.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read the certificates of {path.name} (PEM)") from error
