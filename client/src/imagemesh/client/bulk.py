"""Bulk jobs of a caller: packs a folder, follows the job, and saves its output; resumable."""

import asyncio
import io
import json
import uuid
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, TypeAlias

import aiohttp
import msgspec

from contract.bulk import Bulk, BulkAnswer, BulkEstimate, BulkEstimateAnswer
from contract.fields import MAX_IMAGE_BYTES
from contract.table import ENDPOINTS
from imagemesh.client.errors import InvalidInput
from imagemesh.client.inputs import DOCUMENT_SUFFIXES, IMAGE_SUFFIXES, find_inputs
from imagemesh.client.rest import RestTransport
from imagemesh.client.retries import Retries

Tell: TypeAlias = Callable[[Bulk], None]

_ASK_EVERY_S: Final = 1.0
_PIECE_BYTES: Final = 256 * 1024
_OF_DOCUMENTS: Final = frozenset(each.name for each in ENDPOINTS if each.takes_documents)
_SOURCES: Final = ("s3://", "file://")


class _Begun(msgspec.Struct, frozen=True):
    """A bulk job that was begun, as the file beside its output has it.

    Attributes:
        work: endpoint, parameters and images, as JSON.
        key: Idempotency-Key of its submission.
        url: path of the job, None before the gateway has answered.
    """

    work: str
    key: str
    url: str | None = None


class BulkRun:
    """A bulk job: the images in one place, and the endpoint that is asked about them.

    Args:
        transport: to the gateway.
        retries: how calls are repeated.
        endpoint: name of the endpoint.
        images: a folder, a .zip or a .jsonl manifest, or an s3:// or file:// URL of the gateway's.
        parameters: of the endpoint.

    Raises:
        InvalidInput: the images are none of these.
    """

    def __init__(
        self,
        transport: RestTransport,
        retries: Retries,
        *,
        endpoint: str,
        images: str,
        parameters: dict[str, object],
    ) -> None:
        self._transport = transport
        self._retries = retries
        self._images = images
        self._fields = {"endpoint": endpoint, "parameters": json.dumps(parameters)}
        is_document = endpoint in _OF_DOCUMENTS
        self._suffixes = DOCUMENT_SUFFIXES if is_document else IMAGE_SUFFIXES
        if images.startswith(_SOURCES):
            self._fields["source"] = images
        elif not Path(images).is_dir() and Path(images).suffix not in {".zip", ".jsonl"}:
            raise InvalidInput(f"{images} is no folder, .zip, .jsonl or s3:// URL")

    async def estimate(self) -> BulkEstimate:
        """Return the number of items and their price."""
        fields = {**self._fields, "dry_run": "true"}
        answer = await self._retries.call(
            lambda _: self._transport.submit(self._form(fields), BulkEstimateAnswer)
        )
        return answer.result

    async def save(self, output: Path, *, tell: Tell) -> Bulk:
        """Have the job done and save its output; a job that was begun for this file is resumed.

        Args:
            output: file that is written.
            tell: called with the job whenever it was asked about.
        """
        state = output.with_name(output.name + ".bulk")
        begun = self._resume(state)
        if begun.url is None:
            _write(state, begun)  # before it is sent: sent again, it is the same job
            answer = await self._retries.call(
                lambda _: self._transport.submit(
                    self._form(self._fields), BulkAnswer, key=begun.key
                )
            )
            begun = msgspec.structs.replace(begun, url=answer.result.url)
            _write(state, begun)
        bulk = await self._finished(begun.url or "", tell)
        partial = output.with_name(output.name + ".part")
        await self._retries.call(lambda _: self._transport.save(bulk.output or "", partial))
        partial.replace(output)
        state.unlink()
        return bulk

    async def _finished(self, url: str, tell: Tell) -> Bulk:
        while True:
            answer = await self._retries.call(
                lambda left_s: self._transport.get(url, BulkAnswer, timeout_s=left_s)
            )
            bulk = answer.result
            tell(bulk)
            if bulk.output is not None:
                return bulk
            await asyncio.sleep(_ASK_EVERY_S)

    def _resume(self, state: Path) -> _Begun:
        work = json.dumps({**self._fields, "images": self._images})
        if not state.exists():
            return _Begun(work, uuid.uuid4().hex)
        try:
            begun = msgspec.json.decode(state.read_bytes(), type=_Begun)
        except msgspec.MsgspecError as error:
            raise InvalidInput(f"{state} is no begun bulk job; delete it") from error
        if begun.work != work:
            raise InvalidInput(f"{state} is of another bulk job; delete it to begin anew")
        return begun

    def _form(self, fields: dict[str, str]) -> aiohttp.FormData:
        form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
        for name, value in fields.items():
            form.add_field(name, value)
        if "source" in fields:
            return form
        path = Path(self._images)
        if path.is_dir():
            form.add_field("archive", _packed(path, self._suffixes), filename="images.zip")
        else:
            kind = "archive" if path.suffix == ".zip" else "manifest"
            form.add_field(kind, _pieces(path), filename=path.name)
        return form


class _Buffer(io.RawIOBase):
    """File that only grows, and gives away what was written."""

    def __init__(self) -> None:
        self._content = bytearray()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]  # bytes alone are written
        """Append bytes."""
        self._content += content
        return len(content)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken, self._content = bytes(self._content), bytearray()
        return taken


async def _packed(folder: Path, suffixes: frozenset[str]) -> AsyncIterator[bytes]:
    """Yield a ZIP of the images of a folder, one after the other."""
    buffer = _Buffer()
    # Deflated, for a ZIP that is read as it comes can be nothing else; images do not shrink.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=0) as archive:
        for given in find_inputs([str(folder)], suffixes=suffixes):
            path = Path(str(given.source))
            name = str(path.relative_to(folder)).encode(errors="replace").decode()
            archive.writestr(name, await asyncio.to_thread(_read, path))
            yield buffer.take()
    yield buffer.take()


def _read(path: Path) -> bytes:
    """Return a file, or a byte more than any image has."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_IMAGE_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"cannot read the file {path}: {error.strerror}") from error


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                yield piece
    except OSError as error:
        raise InvalidInput(f"cannot read the file {path}: {error.strerror}") from error


def _write(path: Path, begun: _Begun) -> None:
    try:
        path.write_bytes(msgspec.json.encode(begun))
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}") from error
