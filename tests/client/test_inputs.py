"""Inputs that arguments name: files, folders, URLs."""

from pathlib import Path

import pytest

from imagemesh.client.inputs import IMAGE_SUFFIXES, find_inputs


def test_folder_is_walked_without_what_is_hidden_or_no_image(tmp_path: Path) -> None:
    names = ["b.PNG", "a.jpg", "c.txt", ".d.png", "sub/e.tiff", ".git/f.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    found = find_inputs([str(tmp_path)], suffixes=IMAGE_SUFFIXES)

    assert [each.source for each in found] == [
        tmp_path / name for name in ("a.jpg", "b.PNG", "sub/e.tiff")
    ]
    assert [each.place for each in found] == [Path("a"), Path("b"), Path("sub/e")]


def test_name_of_any_bytes_can_be_printed(tmp_path: Path) -> None:
    (found,) = find_inputs([f"{tmp_path}/\udcff.png"], suffixes=IMAGE_SUFFIXES)

    assert found.name == f"{tmp_path}/?.png"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://example.com/a/photo.jpg?size=2", "photo"),
        ("HTTP://example.com/my%20photo.jpeg", "my photo"),
        ("https://example.com/", "image"),
        ("https://example.com/a/..", "image"),
        ("https://example.com/..%2f..%2fetc%2fpasswd", "passwd"),
        ("https://example.com/..%5cboot.ini", "boot"),
        ("https://example.com/a%00%0a.jpg", "a"),
    ],
)
def test_image_of_a_url_is_written_beneath_the_folder(url: str, place: str) -> None:
    (found,) = find_inputs([url], suffixes=IMAGE_SUFFIXES)

    assert (found.name, found.source, found.place) == (url, url, Path(place))
