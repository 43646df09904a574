"""Processor use of waiting threads."""

import os


def let_waiting_threads_sleep() -> None:
    """Make threads of OpenMP sleep instead of spin while they wait.

    They do by default, which is a little faster on a machine that has nothing else to do and many
    times slower on one that has: two busy cores took 250 ms to 400 ms for a batch in place of
    70 ms to 140 ms. OpenMP reads the variable when it is loaded, so this comes before the import
    of torch; a value that is set already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # noqa: TID251 - it is not ours to read
