"""A second host on this machine: a network namespace behind a cable that can be cut; needs root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Of the network for benchmarks (RFC 2544), which nobody routes.
_HERE, _THERE, _BITS = "198.18.77.1", "198.18.77.2", 30


@dataclass(frozen=True, slots=True)
class SecondHost:
    """Network namespace, and the address of its processes."""

    name: str
    address: str = _THERE

    @property
    def enter(self) -> tuple[str, ...]:
        """Start of a command that runs in the namespace."""
        return ("ip", "netns", "exec", self.name)

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Lose all that it sends while the context is open, as behind a switch that has failed."""
        _ip("netns", "exec", self.name, "ip", "route", "add", "blackhole", f"{_HERE}/32")
        try:
            yield
        finally:
            _ip("netns", "exec", self.name, "ip", "route", "del", "blackhole", f"{_HERE}/32")


def can_have_second_host() -> bool:
    """Tell whether a namespace can be made here."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"try-{os.getpid()}"
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError:
        return False
    _ip("netns", "delete", name)
    return True


@contextmanager
def second_host() -> Iterator[SecondHost]:
    """Make a namespace and the cable to it, and remove both."""
    name = f"mesh-{os.getpid()}"
    here, there = f"h{os.getpid()}", f"t{os.getpid()}"  # 15 letters at most
    inside = ("netns", "exec", name, "ip")
    _ip("netns", "add", name)
    try:
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        _ip("address", "add", f"{_HERE}/{_BITS}", "dev", here)
        _ip("link", "set", here, "up")
        _ip(*inside, "address", "add", f"{_THERE}/{_BITS}", "dev", there)
        _ip(*inside, "link", "set", there, "up")
        yield SecondHost(name)
    finally:
        _ip("netns", "delete", name)  # its end of the cable goes, and so does the other


def _ip(*arguments: str) -> None:
    command = ("ip", *arguments)
    subprocess.run(command, check=True, capture_output=True)
