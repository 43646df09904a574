"""Request bodies as they arrive, packed by gzip or not: in bounded size, time and memory."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from attrs import define, field
from starlette.requests import Request

from gateway.problems import Problem
from servicekit.turns import FairShares, reserve_of

_KIB = 1024
_MIB = 1024 * 1024

# A body without an image is small: it is read however full the memory of uploads is.
SMALL_BODY_BYTES = 64 * _KIB

# What is read of a refused body before the refusal is sent.
_MAX_DRAINED_BYTES = 16 * _MIB
_MAX_DRAIN_S = 2.0

CLOSE: Final = {"Connection": "close"}

_PIECE_BYTES: Final = 256 * 1024  # most that one step unpacks, whatever a few bytes expand to

_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS  # zlib's number for a gzip header of any window

_GZIP_NAMES: Final = frozenset({"gzip", "x-gzip"})  # RFC 9110, section 8.4.1.3


class UploadMemory:
    """Memory that uploads share, fairly between accounts; an upload that does not fit is refused.

    Args:
        limit_bytes: of all uploads together; an account alone gets two thirds.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._shares = FairShares(limit_bytes, reserved=reserve_of(limit_bytes))

    @property
    def used_bytes(self) -> int:
        """Bytes that are held now."""
        return self._shares.used

    @contextmanager
    def share(self, account: str) -> Iterator["Share"]:
        """Yield an empty share of an account, and release it at the end."""
        share = Share(self, account)
        try:
            yield share
        finally:
            share.free()

    def take(self, account: str, size_bytes: int) -> None:
        """Take bytes.

        Raises:
            Problem: 429, too few are left.
        """
        if not self._shares.fits(account, size_bytes):
            message = "too many uploads are held at once; try again later, or send a 'url'"
            raise Problem(429, "overloaded", message)
        self._shares.take(account, size_bytes)

    def give_back(self, account: str, size_bytes: int) -> None:
        """Release bytes."""
        self._shares.give_back(account, size_bytes)


@define(eq=False)
class Share:
    """Part of an `UploadMemory` that one upload holds."""

    _memory: UploadMemory
    _account: str
    _size_bytes: int = field(default=0, init=False)

    def grow_to(self, size_bytes: int) -> None:
        """Hold at least that many bytes.

        Raises:
            Problem: 429, too few are left.
        """
        if size_bytes > self._size_bytes:
            self._memory.take(self._account, size_bytes - self._size_bytes)
            self._size_bytes = size_bytes

    def free(self) -> None:
        """Release all bytes."""
        self._memory.give_back(self._account, self._size_bytes)
        self._size_bytes = 0


@define(eq=False)
class BodyReader:
    """Reads bodies."""

    memory: UploadMemory
    _timeout_s: float  # longest time from the first byte of a body to its last

    @asynccontextmanager
    async def reading(self, request: Request, *, max_bytes: int) -> AsyncIterator["Pieces"]:
        """Yield the body in pieces; its memory counts as held until the context ends.

        Raises:
            Problem: 400 or 415 for its encoding, 408 too slow, 413 too large, 429 too much is held,
                or what the context raises.
        """
        try:
            with self.memory.share(request.state.account) as share:
                if _declared_bytes(request) > max_bytes:
                    raise too_large(max_bytes)
                async with asyncio.timeout(self._timeout_s):
                    yield Pieces(request, max_bytes=max_bytes, share=share)
        except TimeoutError as error:
            message = f"the body did not arrive within {self._timeout_s:.3g} s; send it faster"
            raise Problem(408, "body_timeout", message, headers=dict(CLOSE)) from error


@define(eq=False)
class Pieces:
    """The pieces of one body; made by a `BodyReader`."""

    _request: Request
    _max_bytes: int
    _share: Share

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces as they arrive, unpacked; the limits hold for what they unpack to."""
        size_bytes = 0
        async for piece in unpacked(self._request):
            size_bytes += len(piece)
            if size_bytes > self._max_bytes:
                raise too_large(self._max_bytes)
            if size_bytes > SMALL_BODY_BYTES:
                self._share.grow_to(size_bytes)
            yield piece

    async def whole(self) -> bytearray:
        """Return the whole body."""
        body = bytearray()
        async for piece in self:
            body += piece
        return body


async def unpacked(request: Request) -> AsyncIterator[bytes]:
    """Yield the pieces of a body as they arrive, unpacked.

    Raises:
        Problem: 400 or 415 for its encoding.
    """
    gunzipper = gunzipper_of(",".join(request.headers.getlist("content-encoding")))
    if gunzipper is None:
        async for piece in request.stream():
            yield piece
        return
    async for packed in request.stream():
        for piece in gunzipper.unpack(packed):
            yield piece
    gunzipper.finish()


async def drain(request: Request) -> bool:
    """Read and discard the rest of a body, for a while, and tell whether it has ended.

    Most callers read no answer before they have sent everything, and lose it when the connection,
    or the stream of HTTP/2, is closed on what they send. Where the body has not ended, neither can
    be used again.
    """
    asks_first = request.headers.get("expect", "").lower() == "100-continue"
    if asks_first or _declared_bytes(request) > _MAX_DRAINED_BYTES:
        return False
    size_bytes = 0
    try:
        async with asyncio.timeout(_MAX_DRAIN_S):
            async for piece in request.stream():
                size_bytes += len(piece)
                if size_bytes > _MAX_DRAINED_BYTES:
                    return False
    except TimeoutError:
        return False
    except RuntimeError:  # Starlette's word for a body that was read to its end
        return True
    return True


def _declared_bytes(request: Request) -> int:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else 0


def too_large(max_bytes: int) -> Problem:
    """Return the error for a body over that many bytes."""
    limit = f"{max_bytes // _KIB} KiB" if max_bytes < _MIB else f"{max_bytes / _MIB:.3g} MiB"
    return Problem(413, "body_too_large", f"the body is over {limit}")


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
