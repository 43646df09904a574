"""Images on their way to the server: of a file, of bytes, or named by a URL."""

import asyncio
import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from contract.fields import MAX_IMAGE_BYTES
from imagemesh.client.errors import InvalidInput, UnexpectedAnswer

# A URL, the path of a file, or the bytes of one.
Source: TypeAlias = str | Path | bytes

_MIB = 1024 * 1024
_URL = re.compile(r"https?://", re.IGNORECASE)
_DATA_URI = re.compile(r"data:([a-z]+/[a-z0-9.+-]+);base64,")  # as the gateway writes it


@dataclass(frozen=True, slots=True)
class Upload:
    """A image that is sent; `name` is its file name."""

    content: bytes
    name: str


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """A image that the gateway fetches."""

    url: str


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A colored image, or a PDF: the whole file and its media type, such as "image/jpeg"."""

    content: bytes
    media_type: str


Image: TypeAlias = Upload | RemoteImage


def is_url(source: str) -> bool:
    """Tell whether a text is the URL of a image, not the path of a file."""
    return _URL.match(source) is not None


async def load_image(source: Source) -> Image:
    """Return the image of `source`.

    Raises:
        InvalidInput: the file cannot be read, or the image is empty or too large.
    """
    if isinstance(source, str) and is_url(source):
        return RemoteImage(source)
    if isinstance(source, bytes):
        return _checked(Upload(source, "image"))
    path = Path(source)
    return _checked(Upload(await asyncio.to_thread(_read, path), path.name))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_IMAGE_BYTES + 1)  # enough to see that it is too large
    except OSError as error:
        raise InvalidInput(f"cannot read the file: {error.strerror}") from error


def _checked(upload: Upload) -> Upload:
    if not upload.content:
        raise InvalidInput("the image is empty")
    if len(upload.content) > MAX_IMAGE_BYTES:
        raise InvalidInput(f"the image is over {MAX_IMAGE_BYTES // _MIB} MiB; send a smaller one")
    return upload


def is_data_uri(url: str) -> bool:
    """Tell whether a result's URL holds the file itself."""
    return url.startswith("data:")


def file_of_data_uri(uri: str) -> DownloadedFile:
    """Return the file in a `data:` URI, as a gateway that hosts nothing writes it.

    Raises:
        UnexpectedAnswer: it is something else.
    """
    prefix = _DATA_URI.match(uri)
    if prefix is None:
        raise UnexpectedAnswer("the result is no data: URI in base64")
    try:
        return DownloadedFile(base64.b64decode(uri[prefix.end() :], validate=True), prefix[1])
    except binascii.Error as error:
        raise UnexpectedAnswer("the data: URI of the result is damaged") from error
