"""Settings of the allocator and of the garbage collector."""

import gc
import sys
import weakref

import pytest

from servicekit.memory import return_freed_memory, spare_loaded_objects


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_glibc_takes_the_setting() -> None:
    assert return_freed_memory()


class _Knot:
    """Object in a reference cycle, which only a collection frees."""

    def __init__(self) -> None:
        self.itself = self


def test_collections_look_at_new_objects_only() -> None:
    loaded = _Knot()
    old = weakref.ref(loaded)
    try:
        spare_loaded_objects()
        del loaded
        new = weakref.ref(_Knot())
        gc.collect()

        assert old() is not None
        assert new() is None
    finally:
        gc.unfreeze()
