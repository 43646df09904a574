"""The colorize service over real gRPC."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import ExifTags, Image

from colorize.service import build_service
from colorize.settings import ColorizeSettings
from imagemesh.colorize.v1 import colorize_service_pb2 as pb
from imagemesh.colorize.v1 import colorize_service_pb2_grpc as rpc
from modelkit.images import RgbImage, encode_image
from tests.serving import connected, failure


def grey_ramp(width: int, height: int) -> RgbImage:
    """Return a grey image, dark at the left."""
    row = np.linspace(0, 255, width, dtype=np.uint8)
    return np.broadcast_to(row[np.newaxis, :, np.newaxis], (height, width, 3)).copy()


def colors(width: int, height: int) -> RgbImage:
    """Return an image whose left half is red and whose right half is blue."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[:, : width // 2] = (200, 40, 30)
    image[:, width // 2 :] = (30, 60, 200)
    return image


GREY = grey_ramp(320, 200)


@asynccontextmanager
async def running(**changes: Any) -> AsyncIterator["rpc.ColorizeServiceAsyncStub"]:
    """Serve with settings of a test; Any: the values of any field."""
    fixed = {"port": 0, "metrics_port": 0, "models_dir": Path("unused"), "threads": 1}
    settings = ColorizeSettings(**{**fixed, **changes})
    async with connected(build_service(settings), settings) as channel:
        yield rpc.ColorizeServiceStub(channel)


@pytest.fixture(scope="module")
async def stub() -> AsyncIterator["rpc.ColorizeServiceAsyncStub"]:
    async with running() as stub:
        yield stub


def encoded(pixels: RgbImage, kind: str, **options: Any) -> bytes:  # Any: what Pillow takes
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


async def test_grey_image_gets_colors_and_keeps_its_lightness(
    stub: "rpc.ColorizeServiceAsyncStub",
) -> None:
    answer = await stub.Colorize(pb.ColorizeRequest(image=encode_image(GREY, "image/png")))

    colored = Image.open(io.BytesIO(answer.image)).convert("RGB")
    assert not answer.already_colored
    assert np.ptp(np.asarray(colored).astype(int), axis=2).max() > 3
    luma_error = np.asarray(colored.convert("L")).astype(int) - GREY[..., 0]
    assert np.abs(luma_error).mean() < 6  # luma is not quite the lightness that is kept
    assert (answer.size.width, answer.size.height) == (320, 200)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("pixels", [GREY, grey_ramp(90, 61), colors(64, 40)])
async def test_transparency_is_kept(
    stub: "rpc.ColorizeServiceAsyncStub", pixels: RgbImage, kind: str
) -> None:
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    alpha[10:30, 20:50] = 255
    alpha[15:18] = 99

    sent = encoded(np.dstack([pixels, alpha]), kind)
    answer = await stub.Colorize(pb.ColorizeRequest(image=sent))

    came = np.asarray(Image.open(io.BytesIO(answer.image)))
    assert answer.media_type == "image/png"
    np.testing.assert_array_equal(came[..., 3], alpha)
    assert list(answer.warnings) == []


async def test_jpeg_without_its_last_bytes_is_colored_with_a_warning(
    stub: "rpc.ColorizeServiceAsyncStub",
) -> None:
    sent = encode_image(GREY, "image/jpeg")[:-30]

    answer = await stub.Colorize(pb.ColorizeRequest(image=sent))

    assert [warning.code for warning in answer.warnings] == ["truncated"]


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/jpeg"),
        ("GIF", "image/jpeg"),
        ("TIFF", "image/jpeg"),
        ("BMP", "image/jpeg"),
    ],
)
async def test_png_stays_png_and_the_rest_becomes_jpeg(
    stub: "rpc.ColorizeServiceAsyncStub", kind: str, media_type: str
) -> None:
    answer = await stub.Colorize(pb.ColorizeRequest(image=encoded(GREY, kind)))

    assert answer.media_type == media_type
    assert Image.open(io.BytesIO(answer.image)).get_format_mimetype() == media_type


async def test_colored_image_keeps_its_colors(stub: "rpc.ColorizeServiceAsyncStub") -> None:
    image = colors(300, 200)

    answer = await stub.Colorize(pb.ColorizeRequest(image=encode_image(image, "image/png")))

    assert answer.already_colored
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.image))), image)
    assert b"CreatorTool" not in answer.image
    assert answer.model.name == "lite-colorizer"


async def test_strength_changes_the_chroma_and_is_checked(
    stub: "rpc.ColorizeServiceAsyncStub",
) -> None:
    image = encode_image(GREY, "image/png")

    answer = await stub.Colorize(pb.ColorizeRequest(image=image, strength=0))

    pixels = np.asarray(Image.open(io.BytesIO(answer.image))).astype(int)
    assert np.abs(pixels - pixels.mean(axis=2, keepdims=True)).max() <= 2
    code, _, _ = await failure(stub.Colorize(pb.ColorizeRequest(image=image, strength=2)))
    assert code == grpc.StatusCode.INVALID_ARGUMENT


async def test_device_that_cannot_be_had_is_not_serving_and_told() -> None:
    async with running(device="cuda") as stub:
        image = encode_image(GREY, "image/png")
        code, reason, _ = await failure(stub.Colorize(pb.ColorizeRequest(image=image)))

    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "not_installed")


async def test_orientation_is_applied_and_metadata_dropped(
    stub: "rpc.ColorizeServiceAsyncStub",
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Artist] = "someone"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"

    answer = await stub.Colorize(pb.ColorizeRequest(image=encoded(GREY, "JPEG", exif=exif)))

    colored = Image.open(io.BytesIO(answer.image))
    assert (answer.size.width, answer.size.height) == colored.size == (200, 320)
    assert dict(colored.getexif()) == {}
    # A quarter turn clockwise brings the dark left side to the top.
    rows = np.asarray(colored.convert("L")).mean(axis=1)
    assert rows[0] < 20
    assert rows[-1] > 230


async def test_answer_names_its_model_and_time(stub: "rpc.ColorizeServiceAsyncStub") -> None:
    answer = await stub.Colorize(pb.ColorizeRequest(image=encode_image(GREY, "image/png")))

    assert (answer.model.name, answer.model.version, answer.model.device) == (
        "lite-colorizer",
        "2.1.0",
        "cpu",
    )
    assert answer.seconds > 0
    assert b">imagemesh, lite-colorizer 2.1.0<" in answer.image  # the file says it too


@pytest.mark.parametrize("content", [b"", encode_image(GREY, "image/png")[:-400]])
async def test_unreadable_image_is_refused(
    stub: "rpc.ColorizeServiceAsyncStub", content: bytes
) -> None:
    code, reason, _ = await failure(stub.Colorize(pb.ColorizeRequest(image=content)))

    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "unreadable_image")


async def test_largest_image_is_a_setting() -> None:
    async with running(max_image_pixels=1000) as stub:
        call = stub.Colorize(pb.ColorizeRequest(image=encode_image(GREY, "image/png")))
        code, reason, _ = await failure(call)

    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "unreadable_image")


async def test_images_sent_together_get_the_colors_they_get_alone(
    stub: "rpc.ColorizeServiceAsyncStub",
) -> None:
    images = [grey_ramp(200 + 40 * (n % 3), 160 + n) for n in range(5)]
    contents = [encode_image(image, "image/png") for image in images]
    alone = [await stub.Colorize(pb.ColorizeRequest(image=content)) for content in contents]

    together = await asyncio.gather(
        *(stub.Colorize(pb.ColorizeRequest(image=content)) for content in contents)
    )

    assert [answer.image for answer in together] == [answer.image for answer in alone]


async def test_model_is_listed_with_its_device(stub: "rpc.ColorizeServiceAsyncStub") -> None:
    info, *others = (await stub.ListModels(pb.ListModelsRequest())).models

    assert [(other.model.name, other.model.device) for other in others] == [
        ("siggraph17", ""),
        ("ddcolor-modelscope", ""),
    ]
    assert (info.model.name, info.model.device, info.task) == ("lite-colorizer", "cpu", "colorize")
    assert info.card == "models/colorize/README.md"
