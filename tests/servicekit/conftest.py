"""Scripted service of the tests of servicekit."""

import pytest

from tests.servicekit.echo import Echo


@pytest.fixture
async def echo() -> Echo:
    return Echo()
