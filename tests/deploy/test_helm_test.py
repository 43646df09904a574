"""`helm test` asks every enabled endpoint of a release, and may reach nothing else."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from contract.table import ENDPOINTS
from scripts.render_base import Object
from tests.deploy.objects import of_kind, one, rendered
from tests.gateway.running import gateway_settings, running
from tests.gateway.services import serving_all
from tests.gateway.stage import Stage

TESTED: Object = {"test": {"secret": "imagemesh-test"}}


def arguments_of(values: Object) -> list[str]:
    """Return the command of the test of a release, and its arguments."""
    (pod,) = of_kind(rendered({**values, **TESTED}), "Pod")
    (container,) = pod["spec"]["containers"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    return [*container["command"], *container["args"]]


async def ask(command: Sequence[str], *, url: str, key_file: Path) -> tuple[int | None, list[str]]:
    """Run the test of a release against a gateway; return its exit code and its lines."""
    python, flag, script, _, off, _ = command
    assert python == "python"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, flag, script, url, off, str(key_file)), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode().splitlines()


async def test_it_asks_the_endpoints_of_the_enabled_services(tmp_path: Path) -> None:
    subset: Object = {"services": {"colorize": {"enabled": False}}}
    async with (
        serving_all(Stage()) as addresses,
        running(gateway_settings(tmp_path, nats_url="", **addresses)) as gateway,
    ):
        key_file = tmp_path / "key"
        key_file.write_text(f"{gateway.key}\n")
        whole = await ask(arguments_of({}), url=gateway.url, key_file=key_file)
        part = await ask(arguments_of(subset), url=gateway.url, key_file=key_file)
        key_file.write_text("im_live_wrong")
        refused = await ask(arguments_of(subset), url=gateway.url, key_file=key_file)

    names = [endpoint.name for endpoint in ENDPOINTS]
    assert whole == (0, [f"200 {name}" for name in names])
    assert part == (0, [f"200 {name}" for name in names if name != "colorize"])
    assert refused == (1, [f"401 {name}" for name in names if name != "colorize"])


def test_it_is_let_in_and_out_where_it_asks() -> None:
    callers = {"networkPolicy": {"callers": [{"team": "images"}]}}
    parts = rendered({**TESTED, **callers})

    (url,) = [word for word in arguments_of({}) if word.startswith("https://")]
    assert url == "https://imagemesh-envoy"
    let_out = one(parts, "NetworkPolicy", "test")["spec"]["egress"][-1]
    assert let_out["ports"] == [{"protocol": "TCP", "port": 8443}]
    labels = one(parts, "Pod", "test")["metadata"]["labels"]
    (rule, *_) = one(parts, "NetworkPolicy", "envoy")["spec"]["ingress"]
    selector = rule["from"][-1]["podSelector"]["matchLabels"]
    assert selector.items() <= labels.items()
    assert of_kind(rendered(), "Pod") == []
