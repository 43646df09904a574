"""Items of archives and manifests as they arrive, and how they are cut into shards."""

from collections.abc import Iterator

import pytest

from gateway.bulk.items import (
    BulkItem,
    items_of_archive,
    items_of_manifest,
    shards_of,
)
from gateway.problems import Problem
from servicekit.limits import MAX_IMAGE_BYTES
from tests.gateway.bulks import archive, images, manifest


def pieces(content: bytes, size_bytes: int = 1000) -> Iterator[bytes]:
    for begin in range(0, len(content), size_bytes):
        yield content[begin : begin + size_bytes]


def test_shards_grow_to_their_limit() -> None:
    shards = shards_of(BulkItem(str(number), url="u") for number in range(760))

    assert [len(shard) for shard in shards] == [*range(10, 101, 10), 100, 100, 10]


def test_shards_are_bounded_in_bytes() -> None:
    shards = shards_of(BulkItem("x", content=bytes(3 * 2**20)) for _ in range(5))

    assert [len(shard) for shard in shards] == [2, 2, 1]


def test_items_come_before_the_archive_has_ended() -> None:
    taken: list[bytes] = []

    def arriving() -> Iterator[bytes]:
        for piece in pieces(images(1000)):
            taken.append(piece)
            yield piece

    first = next(items_of_archive(arriving()))

    assert first.name == "0.gif"
    assert len(taken) < 5


def test_image_that_is_too_large_is_a_fault_of_its_item() -> None:
    files = {"a.bmp": bytes(MAX_IMAGE_BYTES + 1), "b.bmp": bytes(MAX_IMAGE_BYTES)}

    large, good = items_of_archive(pieces(archive(files), 100_000))

    assert large.fault is not None
    assert (large.fault[:2], large.content) == ((413, "image_too_large"), None)
    assert good.content == files["b.bmp"]


@pytest.mark.parametrize("size_bytes", [1, 7, 10_000])
def test_lines_of_a_manifest_may_come_in_any_pieces(size_bytes: int) -> None:
    content = manifest({"url": "https://a/b?c=d"}, {"key": "e"}) + b'\n\r\n{"url": "https://f"}'

    items = list(items_of_manifest(pieces(content, size_bytes), has_source=True))

    assert [(item.name, item.url, item.key) for item in items] == [
        ("https://a/b", "https://a/b?c=d", None),
        ("e", None, "e"),
        ("https://f", "https://f", None),
    ]


def test_line_without_an_end_is_refused() -> None:
    with pytest.raises(Problem, match="64 KiB"):
        list(items_of_manifest(pieces(b"x" * 200_000), has_source=False))


@pytest.mark.parametrize(
    "line", [b"{", b'"text"', b'{"url": 5}', b"{}", b'{"url": "u", "key": "k"}', b"\xff"]
)
def test_line_that_is_no_entry_is_a_fault_of_its_item(line: bytes) -> None:
    (item,) = items_of_manifest([line], has_source=True)

    assert item.fault is not None
    assert item.fault[:2] == (400, "invalid_parameter")
