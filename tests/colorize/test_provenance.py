"""Provenance metadata of colorized images."""

import io
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from colorize.encoding import encode_within
from colorize.provenance import mark_colored

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
MARK = mark_colored("tiny & old", "1.1.0")


def mark_of(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        image.load()  # a PNG may say it after its pixels
        return bytes(image.info.get("xmp", b""))


@pytest.mark.parametrize(
    ("media_type", "max_bytes"),
    [("image/jpeg", 10**6), ("image/png", 10**6), ("image/png", 60_000)],
)
def test_every_format_carries_the_mark(media_type: str, max_bytes: int) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (256, 256, 3), dtype=np.uint8)

    file = encode_within(noise, media_type, max_bytes=max_bytes, xmp=MARK)

    assert mark_of(file.content) == MARK


def test_mark_names_the_model_and_what_it_did() -> None:
    (description,) = ET.fromstring(MARK).iter(f"{RDF}Description")  # noqa: S314 - our own
    said = {element.tag.rpartition("}")[2]: "".join(element.itertext()) for element in description}

    assert said["DigitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert said["CreatorTool"] == "imagemesh, tiny & old 1.1.0"
    assert "guess" in said["description"]


def test_no_mark_is_written_unasked() -> None:
    black = np.zeros((8, 8, 3), dtype=np.uint8)

    for media_type in ("image/png", "image/jpeg"):
        assert mark_of(encode_within(black, media_type, max_bytes=10_000).content) == b""
