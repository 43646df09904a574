"""The allocator is told what the services need."""

import sys

import pytest

from servicekit.memory import return_freed_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_glibc_takes_the_setting() -> None:
    assert return_freed_memory()
