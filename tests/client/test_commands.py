"""Every command against a real gateway: what it prints, writes, and ends with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Run
from tests.client.scripted import PNG
from tests.gateway.ended import Ended
from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Gateway, Start
from tests.gateway.services import COLORED, NO_FACE, WRITTEN

UNREADABLE = IMAGE + b"unreadable"
PDF = b"%PDF-1.7 three pages"


def files(folder: Path, **contents: bytes) -> Path:
    """Write files, `sub__b_png` being sub/b.png, and return their folder."""
    for name, content in contents.items():
        path = folder.joinpath(*name.split("__"))
        path = path.with_name(path.name.replace("_", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def lines_of(output: str) -> list[Any]:  # Any: JSON
    return [json.loads(line) for line in output.splitlines()]


TEXTS = [
    ("ocr", ["--lang", "deu"], "Extracted text will appear here.\n"),
    (
        "analyze",
        [],
        """summary: Summary of text will appear here
sentiment: positive 0.87
tags: Marketing, Business, Cover Letter
""",
    ),
    ("emotions", ["--limit", "2"], "(68, 43)-(291, 266): Neutral 0.40, Happy 0.30\n"),
    (
        "classify",
        ["--min-confidence", "0.01"],
        "0.987  baseball\n0.013  ballplayer, baseball player\n",
    ),
    ("nudity", ["--details"], "nude 1.000\n[by-hand 1.2.3 on cpu, 0.25 s]\n"),
]


@pytest.mark.parametrize(("command", "options", "text"), TEXTS)
async def test_answer_is_printed_as_text(
    run: Run, scan: Path, command: str, options: Sequence[str], text: str
) -> None:
    assert await run(command, scan, *options) == Ended(0, text, "")


async def test_answer_is_printed_as_the_json_of_the_api(run: Run, scan: Path) -> None:
    result = await run("emotions", scan, "--json", "--limit", "1", "--details")

    (line,) = lines_of(result.out)
    assert (line["file"], line["status"]) == (str(scan), 200)
    box = {"top": 43, "bottom": 266, "left": 68, "right": 291}
    emotions = [{"emotion": "Neutral", "confidence": 0.3957436}]
    assert line["answer"]["result"] == [{"faceCoordinates": [box], "emotions": emotions}]
    assert line["answer"]["details"]["model"]["name"] == "by-hand"


@pytest.mark.parametrize(
    ("command", "word", "text"),
    [
        ("emotions", NO_FACE, "no face\n"),
        ("analyze", b"not english", "not analyzed: the text looks like German (de); "),
    ],
)
async def test_nothing_found_is_said(
    run: Run, tmp_path: Path, command: str, word: bytes, text: str
) -> None:
    result = await run(command, files(tmp_path / "in", a_gif=IMAGE + word))

    assert text in result.out


async def test_url_is_fetched_by_the_gateway(run: Run) -> None:
    async with listening(image_answer()) as origin:
        result = await run("ocr", origin.url(), "--json")

    (line,) = lines_of(result.out)
    assert line["file"] == line["answer"]["result"]["url"] == origin.url()


async def test_folder_is_walked_in_order_and_one_bad_file_stops_no_other(
    run: Run, tmp_path: Path
) -> None:
    folder = files(
        tmp_path / "in",
        a_gif=IMAGE,
        b_gif=UNREADABLE,
        notes_txt=b"no image",
        sub__c_png=PNG,
    )

    result = await run("ocr", folder)

    text = "Extracted text will appear here."
    assert result.code == 1
    assert result.out == f"{folder}/a.gif: {text}\n{folder}/sub/c.png: {text}\n"
    assert f"{folder}/b.gif: unreadable, said the service (422 unreadable_image, " in result.err


async def test_failures_are_lines_of_json_in_their_place(run: Run, tmp_path: Path) -> None:
    folder = files(tmp_path / "in", a_gif=UNREADABLE, b_gif=IMAGE)

    result = await run("nudity", folder, tmp_path / "missing.png", "--json", "--parallel", "2")

    bad, good, missing = lines_of(result.out)
    assert result.code == 1
    assert (bad["status"], bad["error"]["code"]) == (422, "unreadable_image")
    assert bad["error"]["request_id"]
    assert good["answer"]["result"]["isNude"] is True
    assert missing["status"] is None
    assert missing["error"]["code"] == "invalid_input"
    assert "No such file" in missing["error"]["message"]


@pytest.mark.parametrize(
    "arguments",
    [["--parallel", "0", "x"], ["--timeout", "0", "x"], ["--limit", "many", "x"], []],
)
async def test_wrong_arguments_are_told(run: Run, arguments: list[str]) -> None:
    result = await run("classify", *arguments)

    assert result.code == 2
    assert "`imagemesh classify --help` tells how it is used" in result.err


async def test_folder_without_images_is_nothing_to_do(run: Run, tmp_path: Path) -> None:
    result = await run("ocr", files(tmp_path / "in", notes_txt=b"no image"))

    assert result.code == 2
    assert "nothing to do" in result.err
    assert ".jpeg" in result.err


async def test_text_files_are_analyzed(run: Run, tmp_path: Path) -> None:
    folder = files(tmp_path / "in", a_txt=b"A text.", b_txt=b"\xff", c_png=PNG)

    result = await run("analyze", folder, tmp_path / "missing.txt", "--text", "--json")

    good, bad, missing = lines_of(result.out)
    assert good["answer"]["result"]["text"]["full_text"] == "A text."
    assert bad["error"]["message"] == "the file is no UTF-8 text"
    assert "No such file" in missing["error"]["message"]


async def test_colored_image_is_named_by_its_url(run: Run, scan: Path) -> None:
    result = await run("colorize", scan)

    assert result.out.startswith("http://127.0.0.1:")


async def test_colored_images_are_written_with_their_folders(run: Run, tmp_path: Path) -> None:
    folder, output = files(tmp_path / "in", a_gif=IMAGE, sub__a_png=PNG), tmp_path / "out"

    result = await run("colorize", folder, "--output", output)

    written = [output / "a-colorized.jpg", output / "sub" / "a-colorized.jpg"]
    assert result.code == 0
    assert [path.read_bytes() for path in written] == [COLORED, COLORED]
    assert result.out == f"{folder}/a.gif: {written[0]}\n{folder}/sub/a.png: {written[1]}\n"
    assert sorted(output.rglob("*.*")) == written


async def test_written_file_is_in_the_json(run: Run, scan: Path, tmp_path: Path) -> None:
    result = await run("colorize", scan, "--output", tmp_path, "--json")

    (line,) = lines_of(result.out)
    assert line["saved"] == str(tmp_path / "scan-colorized.jpg")
    assert line["answer"]["result"]["colorized"].startswith("http://")


async def test_file_that_is_there_stays_unless_forced(run: Run, scan: Path, tmp_path: Path) -> None:
    mine = tmp_path / "scan-colorized.png"
    mine.write_bytes(b"mine")

    kept = await run("colorize", scan, "--output", tmp_path)
    forced = await run("colorize", scan, "--output", tmp_path, "--force")

    assert kept.code == 1
    assert "exists; --force writes over it" in kept.err
    assert mine.read_bytes() == b"mine"
    assert forced.code == 0


async def test_two_images_of_one_name_are_not_written_over_each_other(
    run: Run, tmp_path: Path
) -> None:
    folder = files(tmp_path / "in", a_gif=IMAGE, a_png=PNG)

    result = await run("colorize", folder, "--output", tmp_path / "out", "--parallel", "1")

    assert result.code == 1
    assert "another file of this run is written as a-colorized.*" in result.err


async def test_output_that_is_no_folder_is_told(run: Run, scan: Path) -> None:
    result = await run("colorize", scan, "--output", scan)

    assert result.code == 1
    assert f"cannot make the folder {scan}" in result.err


async def test_file_that_cannot_be_written_is_told(run: Run, scan: Path, tmp_path: Path) -> None:
    (tmp_path / "scan-colorized.jpg").mkdir()

    result = await run("colorize", scan, "--output", tmp_path, "--force")

    assert result.code == 1
    assert "scan-colorized.jpg: Is a directory" in result.err
    assert not (tmp_path / ".scan-colorized.jpg.part").exists()


async def test_gateway_that_hosts_nothing_needs_a_folder(
    run: Run, start: Start, tmp_path: Path
) -> None:
    folder = files(tmp_path / "in", a_gif=IMAGE, b_gif=IMAGE)
    async with start(zero_retention=True) as gateway:
        key, url = gateway.key, gateway.url
        refused = await with_key(run, key, tmp_path, "colorize", folder, "--parallel", "1", url=url)
        saved = await with_key(
            run, key, tmp_path, "colorize", folder, "--json", "--output", tmp_path / "out", url=url
        )

    assert refused.code == 1
    assert "name a folder with --output" in refused.err
    assert "stopped: the other 1 would have met the same" in refused.err
    place = tmp_path / "out" / "a-colorized.jpg"
    assert place.read_bytes() == COLORED
    assert lines_of(saved.out)[0]["answer"]["result"]["colorized"] == place.as_uri()


async def with_key(
    run: Run, key: str, folder: Path, command: str, *arguments: str | Path, url: str
) -> Ended:
    """Run a command with another key."""
    (folder / "api-key").write_text(key)
    return await run(command, *arguments, url=url)


async def test_wrong_key_is_told_once_and_ends_it_all(
    run: Run, gateway: Gateway, tmp_path: Path
) -> None:
    folder = files(tmp_path / "in", a_gif=IMAGE, b_gif=IMAGE, c_gif=IMAGE)

    result = await with_key(
        run, "im_live_wrong", tmp_path, "ocr", folder, "--parallel", "3", url=gateway.url
    )

    told, stopped = result.err.splitlines()
    assert result.code == 1
    assert "(401 invalid_api_key, request " in told
    assert stopped == "imagemesh: stopped: the other 2 would have met the same"


async def test_key_file_that_is_not_there_is_told(run: Run, tmp_path: Path, scan: Path) -> None:
    (tmp_path / "api-key").unlink()

    result = await run("ocr", scan)

    assert result.code == 2
    assert "cannot read the key file" in result.err


async def test_languages_are_printed(run: Run) -> None:
    table = await run("languages")
    as_json = await run("languages", "--json")

    assert table.out.splitlines()[2] == "tir   no         tesseract       Tigrinya"
    assert json.loads(as_json.out)["result"][0]["code"] == "eng"


async def test_usage_is_printed(run: Run, scan: Path) -> None:
    await run("nudity", scan)

    table = await run("usage")
    as_json = await run("usage", "--json")

    assert table.out.startswith("tests: balance unmetered, held 0, spent 0\n")
    assert "nudity" in table.out
    assert json.loads(as_json.out)["result"]["account"] == "tests"


async def test_server_that_is_away_has_a_code(run: Run, scan: Path) -> None:
    result = await run("ocr", scan, "--json", "--timeout", "0.1", url="http://127.0.0.1:1")

    (line,) = lines_of(result.out)
    assert result.code == 1
    assert (line["status"], line["error"]["code"]) == (None, "unreachable")


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    """Return the file of a PDF."""
    path = tmp_path / "letter.pdf"
    path.write_bytes(PDF)
    return path


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "Page 1\fPage 2\n"),
        (["--format", "hocr"], f"{WRITTEN.decode()}\n"),
        (["--format", "tsv", "--pages", "1-2"], f"{WRITTEN.decode()}\n"),
    ],
)
async def test_command_prints_the_document(
    run: Run, pdf: Path, options: list[str], text: str
) -> None:
    result = await run("ocr", pdf, *options)

    assert (result.code, result.out) == (0, text)


async def test_command_prints_pages_as_json(run: Run, pdf: Path) -> None:
    result = await run("ocr", pdf, "--format", "json")

    pages = json.loads(result.out)["pages"]
    assert [page["text"] for page in pages] == ["Page 1", "Page 2"]
    assert pages[0]["blocks"][0]["lines"][0]["words"][0]["text"] == "Page"


async def test_pdf_is_named_by_its_url_or_written(run: Run, pdf: Path, tmp_path: Path) -> None:
    named = await run("ocr", pdf, "--format", "pdf")
    written = await run("ocr", pdf, "--format", "pdf", "--output", tmp_path)
    again = await run("ocr", pdf, "--format", "pdf", "--output", tmp_path)

    place = tmp_path / "letter-ocr.pdf"
    assert named.out.startswith("http://127.0.0.1:")
    assert (written.out, place.read_bytes()) == (f"{place}\n", WRITTEN)
    assert "exists; --force writes over it" in again.err
    assert named.err == written.err == ""


async def test_output_is_for_pdf_alone(run: Run, pdf: Path, tmp_path: Path) -> None:
    result = await run("ocr", pdf, "--output", tmp_path)

    assert result.code == 2
    assert "--output needs --format pdf" in result.err


async def test_documents_of_a_folder_are_read_and_not_classified(run: Run, pdf: Path) -> None:
    read = await run("ocr", pdf.parent)
    classified = await run("classify", pdf.parent)

    assert (read.code, read.out) == (0, "Page 1\fPage 2\n")
    assert "nothing to do" in classified.err
