"""The installed command as a process: environment, standard input, terminal, signals, pipes."""

import asyncio
import os
import pty
import signal
import sys
import termios
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path

from tests.client.scripted import PNG, Says, error_body, scripted
from tests.gateway.running import Gateway

IMAGEMESH = "import sys; from commandkit.cli import main; sys.exit(main())"


async def start(
    *arguments: str | Path, stdin: int = PIPE, stderr: int = PIPE, **environment: str
) -> Process:
    """Start `imagemesh ARGUMENTS`."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", IMAGEMESH, *map(str, arguments)),
        env={**os.environ, **environment},  # noqa: TID251 - the process needs the machine's
        stdin=stdin,
        stdout=PIPE,
        stderr=stderr,
    )


async def test_image_comes_from_standard_input_and_the_rest_from_the_environment(
    gateway: Gateway,
) -> None:
    process = await start("ocr", "-", IMAGEMESH_URL=gateway.url, IMAGEMESH_API_KEY=gateway.key)

    out, err = await process.communicate(PNG)

    assert (process.returncode, out, err) == (0, b"Extracted text will appear here.\n", b"")


async def test_interrupt_while_standard_input_is_read_ends_it() -> None:
    async with scripted(Says()) as script:
        process = await start("ocr", "-", "--server", script.url, stderr=PIPE)
        assert process.stdin is not None
        # More than a pipe holds: it has been read from when this returns.
        process.stdin.write(PNG + bytes(2**20))
        await process.stdin.drain()

        process.send_signal(signal.SIGINT)
        code = await process.wait()
        process.stdin.close()

    assert code == 130
    assert script.heads == []


def read_all(terminal: int) -> str:
    """Return what a terminal showed, and close it."""
    shown = b""
    with suppress(OSError), open(terminal, "rb", buffering=0) as file:  # Linux ends it so: EIO
        while piece := file.read(65536):
            shown += piece
    return shown.decode()


async def test_folder_shows_a_bar_on_a_terminal(scan: Path) -> None:
    scan.with_name("second.png").write_bytes(PNG)
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 80))
    async with scripted(Says()) as script:
        process = await start("ocr", scan.parent, "--server", script.url, stderr=end)
        os.close(end)

        out, _ = await process.communicate()
    shown = read_all(terminal)

    assert process.returncode == 0
    assert "2/2" in shown
    assert out.decode() == f"{scan}: read\n{scan.with_name('second.png')}: read\n"


async def test_one_file_shows_the_reason_of_a_retry(scan: Path) -> None:
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 80))
    busy = Says(503, error_body("unavailable"), {"Retry-After": "1"})
    async with scripted(busy, Says()) as script:
        process = await start("ocr", scan, "--server", script.url, stderr=end, TERM="xterm")
        os.close(end)
        shown = asyncio.create_task(asyncio.to_thread(read_all, terminal))

        out, _ = await process.communicate()

    assert (process.returncode, out) == (0, b"read\n")
    assert "retrying (503)" in await shown


async def test_reader_that_goes_away_ends_it_without_a_trace(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.png").write_bytes(PNG)
    long = Says(body=b'{"result": {"text": "%s"}}' % (b"x" * 10_000))
    async with scripted(long) as script:
        process = await start("ocr", tmp_path, "--server", script.url)
        assert process.stdout is not None
        await process.stdout.read(1)

        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # noqa: SLF001
        code = await process.wait()
        assert process.stderr is not None
        err = await process.stderr.read()

    assert (code, err) == (0, b"")


async def test_wrong_setting_is_told() -> None:
    process = await start("usage", IMAGEMESH_URL="somewhere")

    _, err = await process.communicate()

    assert process.returncode == 2
    assert b"'somewhere' is no server" in err
