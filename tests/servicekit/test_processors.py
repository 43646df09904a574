"""Processor use of threads: how OpenMP waits, and whom Linux interrupts."""

import os
from threading import Thread

import pytest

from servicekit.processors import let_running_threads_finish, let_waiting_threads_sleep


@pytest.mark.parametrize(("told", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_openmp_is_told_once(
    monkeypatch: pytest.MonkeyPatch, told: str | None, expected: str
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if told is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", told)

    let_waiting_threads_sleep()

    assert os.environ["OMP_WAIT_POLICY"] == expected  # noqa: TID251 - where OpenMP reads it


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="no such switch on this system")
def test_threads_started_later_do_not_interrupt_others() -> None:
    policies = []

    def begin() -> None:
        let_running_threads_finish()
        model = Thread(target=lambda: policies.append(os.sched_getscheduler(0)))
        model.start()
        model.join()

    main = Thread(target=begin)  # the policy of this thread stays
    main.start()
    main.join()

    assert policies == [os.SCHED_BATCH]
