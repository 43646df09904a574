"""Items of a bulk job, read one after the other from an archive or a manifest, and its shards."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

import msgspec
from stream_unzip import UnzipError, stream_unzip

from gateway.hosting.sources import Source
from gateway.problems import Problem
from servicekit.limits import MAX_IMAGE_BYTES

MAX_ITEMS: Final = 10_000_000

_SHARD_ITEMS: Final = 100
# A small bulk shows progress and keeps all workers busy: its first shards are smaller.
_FIRST_SHARD_ITEMS: Final = 10
_SHARD_BYTES: Final = 8 * 2**20  # of images; one that is larger is a shard of its own

_LINE_BYTES: Final = 64 * 1024
_MAX_NAME_CHARACTERS: Final = 1024  # what object stores take
# A larger file of an archive is not unpacked to its end, whatever a few bytes expand to.
_MOST_SKIPPED_BYTES: Final = 2**30


class BulkItem(msgspec.Struct, frozen=True, array_like=True):
    """One item: its bytes, a URL, a key of the source, or what is wrong with it."""

    name: str
    content: bytes | None = None
    url: str | None = None
    key: str | None = None  # of the image in the source
    # HTTP status, code and message of an item that cannot be asked about.
    fault: tuple[int, str, str] | None = None


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Line of a manifest."""

    url: str | None = None
    key: str | None = None


def items_of_archive(pieces: Iterable[bytes]) -> Iterator[BulkItem]:
    """Yield the files of a ZIP archive that comes in pieces; hidden files are left out.

    Raises:
        Problem: 400, it is no ZIP, or encrypted; 413, a file of it is far too large.
    """
    try:
        for raw_name, _, chunks in stream_unzip(pieces):
            name = raw_name.decode(errors="replace")[:_MAX_NAME_CHARACTERS]
            content = _joined(chunks, name)
            if not name.endswith("/") and not _is_hidden(name):
                yield _item_of_file(name, content)
    except UnzipError as error:
        message = f"the archive is no whole, plain ZIP file: {type(error).__name__}"
        raise Problem(400, "malformed_form", message) from error


def items_of_manifest(pieces: Iterable[bytes], *, has_source: bool) -> Iterator[BulkItem]:
    """Yield the lines of a JSONL manifest; one that is no good entry is an item with a fault.

    Raises:
        Problem: 413, a line is too long.
    """
    for line in _lines(pieces):
        if not line.strip():
            continue
        try:
            entry = msgspec.json.decode(line, type=_Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            yield _faulty("", f"the line of the manifest is no entry: {error}")
            continue
        # Without its query, as URLs are kept.
        name = ((entry.url or "").partition("?")[0] or entry.key or "")[:_MAX_NAME_CHARACTERS]
        if (entry.url is None) == (entry.key is None):
            yield _faulty(name, "the line of the manifest needs one of 'url' and 'key'")
        elif entry.key is not None and not has_source:
            yield _faulty(name, "a 'key' needs the parameter 'source', where it begins")
        else:
            yield BulkItem(name, url=entry.url, key=entry.key)


def items_of_source(source: Source, _: Iterable[bytes]) -> Iterator[BulkItem]:
    """Yield the files of a source.

    Raises:
        Problem: 503, the source is away.
    """
    for key in source.keys():  # noqa: SIM118 - a method, not a mapping
        yield BulkItem(key, key=key)


def shards_of(items: Iterable[BulkItem]) -> Iterator[list[BulkItem]]:
    """Yield the items in shards, bounded in number and bytes.

    Raises:
        Problem: 413, there are too many.
    """
    shard: list[BulkItem] = []
    size_bytes = 0
    most = _FIRST_SHARD_ITEMS
    for total, item in enumerate(items):
        if total == MAX_ITEMS:
            raise Problem(413, "body_too_large", f"a bulk job has {MAX_ITEMS} items at most")
        added = len(item.content or b"")
        if shard and (len(shard) >= most or size_bytes + added > _SHARD_BYTES):
            yield shard
            shard, size_bytes = [], 0
            most = min(_SHARD_ITEMS, most + _FIRST_SHARD_ITEMS)
        shard.append(item)
        size_bytes += added
    if shard:
        yield shard


def _joined(chunks: Iterable[bytes], name: str) -> bytes:
    """Return the whole of a file, or a byte more than any image has."""
    content, size_bytes = bytearray(), 0
    for chunk in chunks:
        size_bytes += len(chunk)
        if len(content) <= MAX_IMAGE_BYTES:
            content += chunk
        if size_bytes > _MOST_SKIPPED_BYTES:
            message = f"the file {name[:100]!r} of the archive is over 1 GiB; leave it out"
            raise Problem(413, "body_too_large", message)
    return bytes(content[: MAX_IMAGE_BYTES + 1])


def _item_of_file(name: str, content: bytes) -> BulkItem:
    if len(content) > MAX_IMAGE_BYTES:
        limit = f"{MAX_IMAGE_BYTES // 2**20} MiB"
        message = f"the image is larger than the limit of {limit}"
        return BulkItem(name, fault=(413, "image_too_large", message))
    return BulkItem(name, content=content)


def _is_hidden(name: str) -> bool:
    """Tell whether no image is meant, as by the folder that macOS adds."""
    path = PurePosixPath(name)
    return path.name.startswith(".") or "__MACOSX" in path.parts


def _faulty(name: str, message: str) -> BulkItem:
    return BulkItem(name, fault=(400, "invalid_parameter", message))


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > _LINE_BYTES:
            message = f"a line of the manifest is over {_LINE_BYTES // 1024} KiB"
            raise Problem(413, "body_too_large", message)
    yield rest
