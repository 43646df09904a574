"""Bodies of requests in each of their forms: JSON with a URL or base64, or an upload."""

import re
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType, ValidationError, convert
from msgspec.structs import fields, replace
from starlette.requests import Request

from contract.endpoint import Endpoint
from gateway.fetching.urls import clean_file_name
from gateway.input.bodies import SMALL_BODY_BYTES, BodyReader
from gateway.input.forms import FORM_TYPE, check_image_size, read_form
from gateway.input.parsing import Json, decode_object, parse_form, parse_values
from gateway.media import EncodedImage, require_image
from gateway.problems import Problem
from servicekit.limits import MAX_IMAGE_BYTES

# An image, the other parameters, and what stands between the fields of a form.
MAX_FORM_BYTES = MAX_IMAGE_BYTES + SMALL_BODY_BYTES
# Base64 writes three bytes in four characters.
MAX_IMAGE_JSON_BYTES = -(-MAX_IMAGE_BYTES // 3) * 4 + SMALL_BODY_BYTES
# JSON may escape every character of the longest text, and one beyond the first plane in twelve
# bytes: 600,000 and the other fields.
MAX_TEXT_JSON_BYTES = 768 * 1024

# What curl and browsers call a JSON body when nobody tells them; anything else is no JSON.
_JSON_TYPES = ("", "application/json", "application/x-www-form-urlencoded", "text/plain")

# RFC 2397, only in base64. What it says of the type is not looked at.
_DATA_URI = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)

RequestT = TypeVar("RequestT", bound=Struct)


@dataclass(frozen=True, slots=True)
class Input(Generic[RequestT]):
    """A request whose fields are good."""

    request: RequestT  # the fields, without the bytes of an image
    # The image that came with them; None where a URL names one, or there is none.
    image: EncodedImage | None


async def read_input(reader: BodyReader, request: Request, endpoint: Endpoint) -> Input[Any]:
    """Return the input of a request to `endpoint`; Any: each has its own request.

    Raises:
        Problem: 408, 413, 415 or 429 for the body; 400 or 404 for its fields; 413 or 415 for its
            image.
    """
    if endpoint.takes_image and media_type_of(request) == FORM_TYPE:
        return await _read_upload(reader, request, endpoint)
    _check_json_type(request, takes_form=endpoint.takes_image)
    max_bytes = MAX_IMAGE_JSON_BYTES if endpoint.takes_image else MAX_TEXT_JSON_BYTES
    async with reader.reading(request, max_bytes=max_bytes) as pieces:
        return input_of(decode_object(await pieces.whole()), endpoint)


async def read_object(reader: BodyReader, request: Request) -> Json:
    """Return the fields of a JSON body that may hold images.

    Raises:
        Problem: as `read_input` for the body; 400, it is no JSON object.
    """
    _check_json_type(request, takes_form=False)
    async with reader.reading(request, max_bytes=MAX_IMAGE_JSON_BYTES) as pieces:
        return decode_object(await pieces.whole())


def input_of(values: Json, endpoint: Endpoint) -> Input[Any]:
    """Return the input that these JSON fields make.

    Raises:
        Problem: as `read_input` for fields and image.
    """
    request = parse_values(values, endpoint.request)
    text = getattr(request, "image", UNSET)
    if isinstance(text, UnsetType):
        return Input(request, None)
    image = _uploaded(_decode(text), file_name="", endpoint=endpoint)
    return Input(replace(request, image=UNSET), image)


async def _read_upload(reader: BodyReader, request: Request, endpoint: Endpoint) -> Input[Any]:
    async with reader.reading(request, max_bytes=MAX_FORM_BYTES) as pieces:
        known = [field.encode_name for field in fields(endpoint.request)]
        form = await read_form(
            pieces, content_type=request.headers["content-type"], known=frozenset(known)
        )
    parsed = parse_form(form.texts, endpoint.request, has_upload=form.image is not None)
    if form.image is None:
        return Input(parsed, None)
    image = _uploaded(form.image, file_name=form.file_name, endpoint=endpoint)
    return Input(parsed, image)


def _uploaded(content: bytes, *, file_name: str, endpoint: Endpoint) -> EncodedImage:
    check_image_size(len(content))
    media_type = require_image(
        content,
        subject="the parameter 'image' holds",
        or_pdf=endpoint.takes_documents,
    )
    # Some browsers send the whole path of a file, with the slashes of their system.
    last = file_name.replace("\\", "/").rpartition("/")[2]
    return EncodedImage(content, media_type, clean_file_name(last))


def _decode(text: str) -> bytes:
    text = text.lstrip()
    prefix = _DATA_URI.match(text)
    encoded = text[prefix.end() :] if prefix else text
    try:
        # Four times as fast as binascii, and the loop waits for it; as strict as strict_mode.
        return convert(encoded, bytes)
    except ValidationError:
        pass
    try:  # base64(1) breaks its lines, and so do MIME and Java's encoder for it
        return convert("".join(encoded.split()), bytes)
    except ValidationError as error:
        message = (
            "parameter 'image': expected base64 of the standard alphabet, padded, or a data: URI "
            "of it"
        )
        raise Problem(400, "invalid_parameter", message) from error


def _check_json_type(request: Request, *, takes_form: bool) -> None:
    media_type = media_type_of(request)
    if media_type not in _JSON_TYPES:
        upload = f" or upload a file ({FORM_TYPE})" if takes_form else ""
        message = f"send JSON (application/json){upload}, not {media_type[:50]!r}"
        raise Problem(415, "unsupported_media_type", message)


def media_type_of(request: Request) -> str:
    """Return the media type of a request's body, empty where none is named."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
