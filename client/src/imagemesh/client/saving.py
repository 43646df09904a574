"""Writes images and PDFs into a folder, and never over a file unless told to."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from imagemesh.client.errors import InvalidInput
from imagemesh.client.images import DownloadedFile

_SUFFIXES: Final = {"image/jpeg": ".jpg", "image/png": ".png", "application/pdf": ".pdf"}


class OutputFolder:
    """Where the results of a command go.

    Args:
        folder: made where it is missing.
        ending: of the names of the files, before their suffix.
        overwrite: write over files that are there.
    """

    def __init__(self, folder: Path, *, ending: str, overwrite: bool) -> None:
        self._folder = folder
        self._ending = ending
        self._overwrite = overwrite
        self._claimed: set[Path] = set()

    def claim(self, place: Path) -> None:
        """Take a place before anything is asked and paid.

        Raises:
            InvalidInput: there is a file, another one of this run goes there, or no folder
                can be made.
        """
        if place in self._claimed:
            raise InvalidInput(f"another file of this run is written as {self._named(place, '.*')}")
        for suffix in _SUFFIXES.values():
            path = self._folder / self._named(place, suffix)
            if path.exists() and not self._overwrite:
                raise InvalidInput(f"{path} exists; --force writes over it")
        try:
            (self._folder / place).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                f"cannot make the folder {self._folder}: {error.strerror}"
            ) from error
        self._claimed.add(place)

    def save(self, file: DownloadedFile, place: Path) -> Path:
        """Write the image or PDF of a claimed place, and return its path.

        Raises:
            InvalidInput: it cannot be written.
        """
        path = self._folder / self._named(place, _SUFFIXES.get(file.media_type, ".jpg"))
        # Nobody may find half a file under the name.
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(file.content)
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise InvalidInput(f"cannot write {path}: {error.strerror}") from error
        return path

    def _named(self, place: Path, suffix: str) -> Path:
        return place.with_name(f"{place.name}{self._ending}{suffix}")
