"""The TypeScript client: built for a real gateway, run by Node."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.client.scripted import Says, error_body, scripted
from tests.gateway.running import Gateway

CLIENT = Path(__file__).parents[2] / "client" / "js"
SETUP_S = 300

WRONG = """\
import { Client } from "imagemesh-client";
const client = new Client();
await client.ask("clasify", {});
await client.ask("classify", { limt: 3 });
await client.ask("analyzed-text", {});
(await client.ask("nudity", {}, "http://a.example/b.jpg")).result.isNud;
await client.look("usge");
"""
ASK = """\
import { Client } from "imagemesh-client";
const client = new Client(process.argv[2]);
console.log((await client.ask("ocr", {}, new Blob(["image"]))).result.text);
"""


async def run(
    folder: Path, *command: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder of the client."""
    return await asyncio.to_thread(
        subprocess.run,
        [*map(str, command)],
        check=False,
        capture_output=True,
        cwd=folder,
        env={**os.environ, **environment},  # noqa: TID251 - npm needs the machine's
        text=True,
        timeout=SETUP_S,
    )


@pytest.fixture(scope="module")
async def built(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the client's folder with its packages, built for the gateway; skip without npm."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("Node is not on this machine")
    ignored = shutil.ignore_patterns("node_modules", "dist", "schema.ts")
    folder = shutil.copytree(CLIENT, tmp_path_factory.mktemp("js") / "js", ignore=ignored)
    (example,) = re.findall(r"```ts\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    (folder / "src" / "example.ts").write_text(example)
    fetched = await run(folder, "npm", "install", "--no-audit", "--no-fund")
    if fetched.returncode:
        pytest.skip(f"npm cannot fetch packages here: {fetched.stderr[-300:]}")
    done = await run(folder, "npm", "run", "build", IMAGEMESH_OPENAPI=f"{gateway.url}/openapi.json")
    assert done.returncode == 0, done.stdout
    return folder


async def test_example_of_the_readme_runs(built: Path, gateway: Gateway, scan: Path) -> None:
    done = await run(
        built,
        *("node", "dist/example.js", scan),
        IMAGEMESH_URL=gateway.url,
        IMAGEMESH_API_KEY=gateway.key,
    )

    first, second, refused = done.stdout.splitlines()
    assert (first, second) == ("0.987 baseball", "0.013 ballplayer, baseball player")
    assert refused.startswith("415 unsupported_media_type ")


async def test_wrong_names_do_not_compile(built: Path) -> None:
    wrong = built / "src" / "wrong.ts"
    wrong.write_text(WRONG)
    try:
        done = await run(built, "npx", "tsc", "--noEmit")
    finally:
        wrong.unlink()

    lines = re.findall(r"^src/wrong\.ts\((\d)", done.stdout, re.MULTILINE)
    assert lines == ["3", "4", "5", "6", "7"]


async def test_busy_gateway_is_asked_again_with_the_same_key(built: Path) -> None:
    (built / "ask.mjs").write_text(ASK)
    busy = Says(503, error_body("unavailable"), {"Retry-After": "0"})
    async with scripted(busy, Says()) as script:
        done = await run(built, "node", "ask.mjs", script.url)

    assert done.stdout == "read\n"
    first, second = (head["Idempotency-Key"] for head in script.heads)
    assert first == second


async def test_lasting_error_is_told_at_once(built: Path) -> None:
    (built / "ask.mjs").write_text(ASK)
    async with scripted(Says(503, error_body("not_installed", "install it"))) as script:
        done = await run(built, "node", "ask.mjs", script.url)

    assert done.returncode == 1
    assert "install it" in done.stderr
    assert len(script.heads) == 1
