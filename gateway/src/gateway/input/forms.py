"""Uploads: multipart/form-data as it arrives, with an image in `image` and text in the rest.

Source: RFC 7578 for the form, RFC 2046 section 5.1.1 for its boundary.
"""

from collections.abc import AsyncIterable, Collection
from dataclasses import dataclass, field

from multipart import (  # type: ignore[import-untyped]  # a single module without py.typed
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from gateway.problems import Problem
from servicekit.limits import MAX_IMAGE_BYTES

FORM_TYPE = "multipart/form-data"
IMAGE_FIELD = "image"

_MAX_BOUNDARY_CHARACTERS = 70
_MAX_FIELDS = 16  # no endpoint has half as many parameters
MAX_FIELD_BYTES = 16 * 1024  # the longest URL, with every character of four bytes
_MAX_HEADER_BYTES = 2048  # one line; a file name may be long
_MAX_HEADERS = 8  # of one field; RFC 7578 knows three


@dataclass(slots=True)
class Form:
    """A form that was read."""

    texts: dict[str, str] = field(default_factory=dict)  # every field but the image, by name
    image: bytes | None = None  # the image's bytes, None where there is no such field
    file_name: str = ""  # what the caller calls the image; not to be trusted


async def read_form(
    pieces: AsyncIterable[bytes], *, content_type: str, known: Collection[str]
) -> Form:
    """Return the form whose body comes in `pieces`.

    Args:
        pieces: of the body.
        content_type: the header, which holds the boundary.
        known: names of the fields that the endpoint takes; a file under another name is refused at
            once. Texts under other names are read, for the caller to refuse.

    Raises:
        Problem: 400 for a body that is no such form, or holds too much beside its image; 413 for
            an image that is too large, as soon as it is.
    """
    reader = _FormReader(known)
    try:
        with form_parser(content_type) as parser:
            async for piece in pieces:
                for event in parser.parse(piece):
                    reader.take(event)
    except MultipartError as error:
        message = "the body is no complete multipart/form-data, or has too many or too long headers"
        raise malformed(message) from error
    return reader.form


def form_parser(content_type: str) -> PushMultipartParser:
    """Return the parser of a form with this Content-Type.

    Raises:
        Problem: 400, it names no boundary.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if not 0 < len(boundary) <= _MAX_BOUNDARY_CHARACTERS:
        raise malformed(
            f"the Content-Type needs a boundary of 1 to {_MAX_BOUNDARY_CHARACTERS} characters"
        )
    return PushMultipartParser(
        boundary,
        max_header_size=_MAX_HEADER_BYTES,
        max_header_count=_MAX_HEADERS,
        max_segment_count=_MAX_FIELDS,
    )


class _FormReader:
    """Puts the parser's events together."""

    def __init__(self, known: Collection[str]) -> None:
        self.form = Form()
        self._known = known
        self._name = ""
        self._content = bytearray()

    def take(self, event: MultipartSegment | bytes | None) -> None:
        """Take the start of a field, a piece of its content, or None for its end."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            self._end()
        else:
            self._content += event
            self._check_size()

    def _begin(self, segment: MultipartSegment) -> None:
        self._name = segment.name
        self._content = bytearray()
        if segment.filename is not None and self._name not in self._known:
            raise _misnamed(self._name)
        is_second_image = self._name == IMAGE_FIELD and self.form.image is not None
        if is_second_image or self._name in self.form.texts:
            message = f"parameter {self._name[:50]!r}: given twice"
            raise Problem(400, "invalid_parameter", message)
        if self._name == IMAGE_FIELD:
            self.form.file_name = segment.filename or ""

    def _end(self) -> None:
        if self._name == IMAGE_FIELD:
            self.form.image = bytes(self._content)
            return
        try:
            self.form.texts[self._name] = self._content.decode()
        except UnicodeDecodeError as error:
            if self._name not in self._known:
                raise _misnamed(self._name) from error
            raise malformed(f"the field {self._name[:50]!r} is not UTF-8") from error

    def _check_size(self) -> None:
        if self._name == IMAGE_FIELD:
            check_image_size(len(self._content))
        elif len(self._content) > MAX_FIELD_BYTES and self._name not in self._known:
            raise _misnamed(self._name)
        elif len(self._content) > MAX_FIELD_BYTES:
            message = f"parameter {self._name[:50]!r}: over {MAX_FIELD_BYTES // 1024} KiB"
            raise Problem(400, "invalid_parameter", message)


def check_image_size(size_bytes: int) -> None:
    """Raise a Problem, 413, where an image of so many bytes is too large."""
    if size_bytes > MAX_IMAGE_BYTES:
        limit = f"{MAX_IMAGE_BYTES // 2**20} MiB"
        raise Problem(413, "image_too_large", f"the image is larger than the limit of {limit}")


def _misnamed(name: str) -> Problem:
    message = f"unknown field {name[:50]!r}; send the image as {IMAGE_FIELD!r}"
    return Problem(400, "unknown_parameter", message)


def malformed(message: str) -> Problem:
    """Return the error for a body that is no good form."""
    return Problem(400, "malformed_form", message)
