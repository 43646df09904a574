"""A gateway that keeps nothing: a canary in an image and one in a text are found nowhere."""

from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Gateway, Reply, gateway_settings, running
from tests.gateway.services import COLORED
from tests.gateway.uploads import base64, form_of, upload

CANARY = b"canary-7f3a1c"
TEXT = "canary-text-90be22"
# A JPEG whose comment is the canary.
JPEG = b"\xff\xd8\xff\xfe" + (len(CANARY) + 2).to_bytes(2, "big") + CANARY + b"\xff\xd9"
IMAGES = ["colorize", "ocr", "analyzed-ocr", "emotions", "classify", "nudity"]


@asynccontextmanager
async def keeping(
    addresses: Mapping[str, str], folder: Path, *, nothing: bool
) -> AsyncIterator[Gateway]:
    settings = gateway_settings(folder, **addresses, zero_retention=nothing, log_level="debug")
    async with running(settings) as gateway:
        yield gateway


async def ask_everything(gateway: Gateway) -> list[Reply]:
    """Send the canaries in every form to every endpoint, also where they fail."""
    name = f"{CANARY.decode()}.jpg"
    replies = []
    for endpoint in IMAGES:
        async with listening(image_answer(JPEG)) as origin:
            replies.append(await gateway.post(endpoint, {"url": origin.url(f"/{name}?{TEXT}")}))
        replies.append(await gateway.post(endpoint, {"image": base64(JPEG), "details": True}))
        replies.append(await upload(gateway, endpoint, form_of(JPEG, name)))
        replies.append(
            await gateway.post(endpoint, {"image": base64(JPEG)}, Prefer="respond-async")
        )
    items = [{"endpoint": endpoint, "image": base64(JPEG)} for endpoint in IMAGES]
    replies.append(await gateway.post("batch", {"requests": items}))
    replies.append(await gateway.post("analyzed-text", {"text": TEXT}))
    return replies


async def ask_wrongly(gateway: Gateway) -> None:
    """Fail with the canaries in all kinds of places."""
    canary = CANARY.decode()
    await gateway.post("ocr", {"image": base64(JPEG), "lang": TEXT})
    await gateway.post("ocr", {"image": canary, TEXT: TEXT})
    await gateway.post("classify", {"url": f"http://{canary}.example/{TEXT}"})
    await gateway.post("classify", {"url": f"http://127.0.0.1:1/{canary}"})
    await gateway.look("classify", b"bug" + CANARY)
    await gateway.look("classify", b"bug")
    await upload(gateway, "classify", form_of(CANARY, canary))
    hook = {"image": base64(JPEG), "webhook": f"http://{canary}.example/?{TEXT}"}
    await gateway.post("classify", hook, Prefer="respond-async", Idempotency_Key=canary)
    await gateway.post(f"classify?{TEXT}", {"image": base64(JPEG)}, Authorization=canary)
    await gateway.get(f"/api/v1/jobs/{canary}")
    await gateway.get(f"/content/colorized/{canary}?{TEXT}")


def traces(folder: Path, logs: str) -> list[str]:
    """Return where a canary is found, in plain or in base64."""
    found = ["logs"] if is_in(logs.encode()) else []
    files = [path for path in folder.rglob("*") if path.is_file()]
    return found + [path.name for path in files if is_in(path.read_bytes() + path.name.encode())]


def is_in(content: bytes) -> bool:
    inside = base64(JPEG)[8:24].encode()
    return CANARY in content or TEXT.encode() in content or inside in content


async def test_nothing_of_a_request_is_on_disk_or_in_logs(
    addresses: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with keeping(addresses, tmp_path, nothing=True) as gateway:
        replies = await ask_everything(gateway)
        await ask_wrongly(gateway)
        while_running = traces(tmp_path, "")
    logs = capfd.readouterr().out

    assert [reply.status for reply in replies] == [200] * len(replies)
    assert '"event": "request"' in logs
    assert (while_running, traces(tmp_path, logs)) == ([], [])
    assert list((tmp_path / "results").iterdir()) == []


async def test_search_finds_what_is_kept(
    addresses: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The test above is no rubber stamp; what is kept by default is what the answers hold."""
    async with keeping(addresses, tmp_path, nothing=False) as gateway:
        await ask_everything(gateway)
    logs = capfd.readouterr().out

    assert set(traces(tmp_path, "")) >= {
        path.name for path in (tmp_path / "results").iterdir() if CANARY.decode() in path.name
    }
    assert traces(tmp_path, "") != []
    assert not is_in(logs.encode())


async def test_colored_image_comes_inline(addresses: dict[str, str], tmp_path: Path) -> None:
    async with keeping(addresses, tmp_path, nothing=True) as gateway:
        reply = await gateway.look("colorize")

    prefix, _, content = reply.json["result"]["colorized"].partition(",")
    assert prefix == "data:image/jpeg;base64"
    assert b64decode(content) == COLORED


async def test_what_would_have_to_be_kept_is_refused(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    body = {"image": base64(IMAGE)}
    async with keeping(addresses, tmp_path, nothing=True) as gateway:
        late = await gateway.post("nudity", body, Prefer="respond-async")
        hook = await gateway.post(
            "nudity", {**body, "webhook": "http://a.example/"}, Prefer="respond-async"
        )
        keyed = await gateway.post("nudity", body, Idempotency_Key="1")

    assert late.status == 200
    assert "Preference-Applied" not in late.headers
    assert hook.refusal == (400, "invalid_parameter")
    assert "keeps nothing" in hook.json["error"]["message"]
    assert keyed.refusal == (400, "invalid_idempotency_key")
