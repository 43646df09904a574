"""The real Envoy with the configuration of a render: validated, or run on loopback."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from scripts.envoy_on_loopback import PROGRAM
from scripts.ports import free_port
from tests.deploy.objects import one, pod_of

Parts = Sequence[Any]  # Any: rendered objects
STARTS_WITHIN_S = 30


def configuration_of(parts: Parts) -> Any:  # Any: parsed YAML
    """Return the configuration of Envoy in a render."""
    return yaml.load(one(parts, "ConfigMap", "envoy")["data"]["envoy.yaml"], yaml.CSafeLoader)


def validate(parts: Parts, folder: Path) -> str:
    """Assert that Envoy accepts what its pod gives it; return the options of its command."""
    options = _write(parts, folder, {})
    command = [str(PROGRAM), *options, "--mode", "validate"]

    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    return " ".join(options)


@asynccontextmanager
async def running(
    parts: Parts, folder: Path, *options: str, names: Mapping[str, str] | None = None
) -> AsyncIterator[int]:
    """Run Envoy on free ports and yield that of its admin.

    Args:
        parts: of a render.
        folder: where its files go.
        options: of its command, besides those of the pod.
        names: texts of its files to replace, such as addresses.
    """
    admin_port = free_port()
    given = {"port_value: 9901": f"port_value: {admin_port}", **(names or {})}
    process = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), *_write(parts, folder, given), *options),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(STARTS_WITHIN_S):
            assert process.stderr is not None
            async for line in process.stderr:
                if b"starting workers" in line:
                    break
        yield admin_port
    finally:
        process.kill()
        await process.communicate()


async def listening(admin_port: int, name: str) -> int:
    """Return the port of a listener."""
    url = f"http://127.0.0.1:{admin_port}/listeners?format=json"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        listeners = (await answer.json(content_type=None))["listener_statuses"]
    (found,) = [one for one in listeners if one["name"] == name]
    return int(found["local_address"]["socket_address"]["port_value"])


def _write(parts: Parts, folder: Path, names: Mapping[str, str]) -> list[str]:
    """Write the files of Envoy with other names and any ports; return the pod's options."""
    for file, text in one(parts, "ConfigMap", "envoy")["data"].items():
        changed = re.sub(r"(0\.0\.0\.0, port_value:) \d+", r"\1 0", text)
        for name, other in {**names, "/etc/envoy": str(folder)}.items():
            changed = changed.replace(name, other)
        (folder / file).write_text(changed)
    (container,) = pod_of(one(parts, "Deployment", "envoy"))["containers"]
    words = (word.replace("/etc/envoy", str(folder)) for word in container["args"])
    return [word.replace("$(CPUS)", "1") for word in words]
