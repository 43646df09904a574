"""Wait policy of OpenMP, which an operator may override."""

import os

import pytest

from servicekit.processors import let_waiting_threads_sleep


@pytest.mark.parametrize(("told", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_openmp_is_told_once(
    monkeypatch: pytest.MonkeyPatch, told: str | None, expected: str
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if told is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", told)

    let_waiting_threads_sleep()

    assert os.environ["OMP_WAIT_POLICY"] == expected  # noqa: TID251 - where OpenMP reads it
