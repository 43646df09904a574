"""A model to install: 3,000 bytes and the entry that describes them."""

import hashlib

import pytest

from modelkit.manifest import ModelEntry


@pytest.fixture
def content() -> bytes:
    return b"weights!" * 375


@pytest.fixture
def entry(content: bytes) -> ModelEntry:
    """Return a model that is pulled from a home that does not exist."""
    return ModelEntry(
        name="net",
        version="1.0",
        task="classify",
        profile="standard",
        file="net.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        licence="Apache-2.0",
        source="made in a test",
        card="README.md",
        url="http://127.0.0.1:1/net.onnx",
    )
