"""Inputs of a command: files, the images of folders, URLs, and standard input."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from commandkit.cli import STDIN
from contract.fields import MAX_IMAGE_BYTES
from imagemesh.client.errors import InvalidInput
from imagemesh.client.images import Source, is_url

# Names of the formats that the mesh reads; of a file that is named, the server judges bytes.
IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"),
        *(".avif", ".jp2", ".j2k", ".heic"),
    }
)
DOCUMENT_SUFFIXES = IMAGE_SUFFIXES | {".pdf"}
TEXT_SUFFIXES = frozenset({".txt"})

_HYPHEN = "-"
_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to ask about.

    Attributes:
        name: as the user knows it.
        source: where it is, or its bytes.
        place: a relative path without suffix: what is made of it, and beneath which sub-folder.
    """

    name: str
    source: Source
    place: Path


def find_inputs(arguments: Sequence[str], *, suffixes: frozenset[str]) -> list[Input]:
    """Return what the arguments name, folders walked in the order of names.

    Raises:
        InvalidInput: they name nothing, or a folder cannot be listed.
    """
    found = [each for argument in arguments for each in _expand(argument, suffixes)]
    if not found:
        kinds = " ".join(sorted(suffixes))
        raise InvalidInput(f"nothing to do: no file in the named folders is one of {kinds}")
    return found


def read_text(source: Source) -> str:
    """Return the text of a file, or of bytes that were read.

    Raises:
        InvalidInput: it cannot be read, or is not UTF-8.
    """
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        return content.decode()
    except OSError as error:
        raise InvalidInput(f"cannot read the file: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("the file is no UTF-8 text") from error


def _expand(argument: str, suffixes: frozenset[str]) -> Iterator[Input]:
    if argument in {_HYPHEN, STDIN}:
        # Before any event loop: a thread that waits for a terminal could not be interrupted.
        yield Input(_HYPHEN, _read_stdin(), Path("stdin"))
    elif is_url(argument):
        yield Input(argument, argument, Path(_stem_of_url(argument)))
    elif Path(argument).is_dir():
        yield from _walk(Path(argument), suffixes)
    else:
        yield Input(_shown(argument), Path(argument), Path(Path(argument).stem))


def _read_stdin() -> bytes:
    content = bytearray()
    # In pieces, for Python looks between them whether it was interrupted.
    while piece := os.read(sys.stdin.fileno(), _PIECE_BYTES):
        content += piece
        if len(content) > MAX_IMAGE_BYTES:
            break
    return bytes(content)


def _walk(folder: Path, suffixes: frozenset[str]) -> Iterator[Input]:
    for parent, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if path.suffix.lower() in suffixes and not name.startswith("."):
                yield Input(_shown(str(path)), path, path.relative_to(folder).with_suffix(""))


def _raise(error: OSError) -> None:
    raise InvalidInput(f"cannot list the folder {error.filename}: {error.strerror}") from error


def _shown(name: str) -> str:
    """Return a name that can be printed; those of files may hold any bytes."""
    return name.encode(errors="replace").decode()


def _stem_of_url(url: str) -> str:
    name = PurePosixPath(unquote(urlsplit(url).path).replace("\\", "/")).name
    # A NUL ends a path early, a line break ends a line of output, and ".." is no name.
    printable = "".join(character for character in name if character.isprintable())
    return PurePosixPath(printable).stem.strip(".") or "image"
