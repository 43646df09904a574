"""Bodies that are sent with `Content-Encoding: gzip`, unpacked in pieces of bounded size."""

import zlib
from collections.abc import Iterator
from typing import Final

from gateway.problems import Problem

_PIECE_BYTES: Final = 256 * 1024  # most that one step unpacks, whatever a few bytes expand to
_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS  # zlib's number for a gzip header of any window
_GZIP_NAMES: Final = frozenset({"gzip", "x-gzip"})  # RFC 9110, section 8.4.1.3


class Gunzipper:
    """Incremental reader of a gzip file of one or more members (RFC 1952)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_FORMAT)
        self._has_begun = False

    def unpack(self, content: bytes) -> Iterator[bytes]:
        """Yield what follows from the next bytes of the file, in bounded pieces.

        Raises:
            Problem: 400, this is no gzip.
        """
        while content:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_FORMAT)
            self._has_begun = True
            try:
                piece = self._member.decompress(content, _PIECE_BYTES)
            except zlib.error as error:
                raise _not_gzip() from error
            content = self._member.unconsumed_tail or self._member.unused_data
            if piece:
                yield piece

    def finish(self) -> None:
        """Raise a Problem, 400, where the file has not ended."""
        if self._has_begun and not self._member.eof:
            raise _not_gzip()


def gunzipper_of(encoding: str) -> Gunzipper | None:
    """Return the reader of a body with this Content-Encoding, None for one that is sent as it is.

    Raises:
        Problem: 415, the encoding is not taken.
    """
    name = encoding.strip().lower()
    if name in _GZIP_NAMES:
        return Gunzipper()
    if name in {"", "identity"}:
        return None
    message = f"Content-Encoding {name[:50]!r} is not taken; send gzip, or no encoding"
    headers = {"Accept-Encoding": "gzip"}  # RFC 7694, section 3
    raise Problem(415, "unsupported_media_type", message, headers=headers)


def _not_gzip() -> Problem:
    message = "the body is not the whole gzip file that Content-Encoding announces"
    return Problem(400, "malformed_request", message)
