"""The OCR service over real gRPC."""

import asyncio
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from imagemesh.ocr.v1 import analysis_pb2
from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from modelkit.manifest import load_manifest
from ocr.languages import all_languages
from ocr.service import MAX_TEXT_LETTERS
from tests.ocr.letters import COVER_LETTER, GERMAN
from tests.ocr.serving import running
from tests.ocr.written import PANGRAM, SLOVAK_LINES, page_png
from tests.serving import failure

LETTER = page_png("Dear Ms. Smith, we are delighted", "to offer you the position.", "Great work!")


async def test_text_is_recognized(stub: "rpc.OcrServiceAsyncStub") -> None:
    answer = await stub.Recognize(pb.RecognizeRequest(image=page_png(PANGRAM, PANGRAM)))

    assert answer.text == f"{PANGRAM}\n{PANGRAM}"
    assert [line.text for line in answer.lines] == [PANGRAM, PANGRAM]
    for line in answer.lines:
        assert [word.text for word in line.words] == PANGRAM.split()
        assert len(line.corners) == 4
        assert all(len(word.corners) == 4 for word in line.words)
        assert (line.block, line.script) == (0, "Latn")
    assert (answer.language, answer.rotation_degrees, len(answer.blocks)) == ("eng", 0, 1)
    assert abs(answer.skew_degrees) < 1
    assert (answer.size.width, answer.size.height) == (900, 188)
    assert (answer.model.name, answer.model.device) == ("pp-ocrv6-small", "cpu")
    assert 0.9 < answer.confidence <= 1
    assert answer.seconds > 0


async def test_models_in_use_are_listed_with_their_device(stub: "rpc.OcrServiceAsyncStub") -> None:
    models = (await stub.ListModels(pb.ListModelsRequest())).models

    devices = {info.model.name: info.model.device for info in models}
    in_use = {name for name, device in devices.items() if device == "cpu"}
    read_by = {"pp-ocrv6-small-detector", "pp-ocrv6-small"}
    assert in_use == {*read_by, "all-minilm-l6-v2", "minilm-sentiment"}
    assert devices["pp-ocrv5-arabic"] == ""


async def test_language_is_asked_for_by_tag_and_found_by_itself(
    stub: "rpc.OcrServiceAsyncStub",
) -> None:
    image = page_png(PANGRAM, "Nine long lines of plain text stand here")

    tagged = await stub.Recognize(pb.RecognizeRequest(image=image, language="en-GB"))
    found = await stub.Recognize(pb.RecognizeRequest(image=image, language="auto"))

    assert (tagged.language, found.language) == ("eng", "eng")
    assert (tagged.route, found.route) == ("pp-ocr-lines", "pp-ocr-lines")
    assert tagged.text == found.text


async def test_unknown_language_gets_a_near_match(stub: "rpc.OcrServiceAsyncStub") -> None:
    code, reason, message = await failure(
        stub.Recognize(pb.RecognizeRequest(image=LETTER, language="germann"))
    )

    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "unsupported_language")
    assert '"deu" (German)' in message
    assert "ListLanguages" in message


async def test_image_of_english_is_analyzed(stub: "rpc.OcrServiceAsyncStub") -> None:
    answer = await stub.Analyze(pb.AnalyzeRequest(image=LETTER))

    assert answer.text.startswith("Dear Ms. Smith")
    assert answer.analysis.sentiment.label == analysis_pb2.SENTIMENT_LABEL_POSITIVE
    assert answer.analysis.tags
    assert answer.model.name in {"pp-ocrv6-small", "tesseract"}
    assert answer.analysis.model.name == "all-minilm-l6-v2"


async def test_text_is_analyzed(stub: "rpc.OcrServiceAsyncStub") -> None:
    answer = await stub.AnalyzeText(pb.AnalyzeTextRequest(text=COVER_LETTER))

    assert "Cover Letter" in answer.analysis.tags
    assert answer.analysis.language == "en"
    assert answer.model == answer.analysis.model


async def test_german_text_gets_a_notice(stub: "rpc.OcrServiceAsyncStub") -> None:
    answer = await stub.AnalyzeText(pb.AnalyzeTextRequest(text=GERMAN))

    assert "German" in answer.analysis.notice
    assert answer.analysis.sentiment.label == analysis_pb2.SENTIMENT_LABEL_UNSPECIFIED
    assert answer.analysis.sentiment.confidence == 0
    assert (answer.analysis.summary, list(answer.analysis.tags)) == ("", [])


@pytest.mark.parametrize("length", [0, MAX_TEXT_LETTERS + 1])
async def test_text_has_a_limit(stub: "rpc.OcrServiceAsyncStub", length: int) -> None:
    code, reason, message = await failure(
        stub.AnalyzeText(pb.AnalyzeTextRequest(text="a" * length))
    )

    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "invalid_request")
    assert "send 1 to 50000" in message


async def test_longest_text_is_analyzed(stub: "rpc.OcrServiceAsyncStub") -> None:
    text = ("I like this place. " * MAX_TEXT_LETTERS)[:MAX_TEXT_LETTERS]

    answer = await stub.AnalyzeText(pb.AnalyzeTextRequest(text=text))

    assert answer.analysis.sentiment.label == analysis_pb2.SENTIMENT_LABEL_POSITIVE


async def test_languages_are_listed(stub: "rpc.OcrServiceAsyncStub") -> None:
    languages = (await stub.ListLanguages(pb.ListLanguagesRequest())).languages

    assert [language.code for language in languages] == list(all_languages())
    english = next(language for language in languages if language.code == "eng")
    assert (english.engine, english.installed) == ("pp-ocrv6-small", True)
    assert (english.tag, english.script, english.route) == ("en", "Latn", "pp-ocr-lines")
    assert 0 <= english.error_rate < 0.01
    assert 0 <= english.photo_error_rate < 0.01
    assert (english.name, list(english.packages)) == ("English", [])


@pytest.mark.parametrize("content", [b"", b"no image", LETTER[: len(LETTER) // 2]])
async def test_unreadable_image_is_refused(stub: "rpc.OcrServiceAsyncStub", content: bytes) -> None:
    code, reason, _ = await failure(stub.Recognize(pb.RecognizeRequest(image=content)))

    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "unreadable_image")


async def test_missing_language_data_names_its_package(tmp_path: Path) -> None:
    async with running(tmp_path, tessdata_dir=str(tmp_path)) as stub:
        code, reason, message = await failure(
            stub.Recognize(pb.RecognizeRequest(image=LETTER, language="hin"))
        )
        english = await stub.Recognize(pb.RecognizeRequest(image=LETTER))
        languages = (await stub.ListLanguages(pb.ListLanguagesRequest())).languages

    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "language_not_installed")
    assert "apt-get install tesseract-ocr-hin" in message
    assert english.text.startswith("Dear")
    by_ppocr = [language for language in languages if language.engine == "pp-ocrv6-small"]
    assert [language for language in languages if language.installed] == by_ppocr


async def test_missing_models_are_told(tmp_path: Path) -> None:
    missing_models = [replace(entry, file="no-such.file") for entry in load_manifest("ocr")]
    async with running(tmp_path, missing_models, tessdata_dir=str(tmp_path)) as stub:
        code, reason, _ = await failure(stub.AnalyzeText(pb.AnalyzeTextRequest(text="Hello")))
        analyzing = await failure(stub.Analyze(pb.AnalyzeRequest(image=LETTER)))
        reading = await failure(stub.Recognize(pb.RecognizeRequest(image=LETTER)))

    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "model_not_installed")
    assert analyzing[:2] == (code, reason)
    assert reading[0] is grpc.StatusCode.FAILED_PRECONDITION


async def test_languages_in_parallel_are_not_crossed(stub: "rpc.OcrServiceAsyncStub") -> None:
    listed = (await stub.ListLanguages(pb.ListLanguagesRequest())).languages
    here = {language.code for language in listed if language.installed}
    wanted: list[str] = [
        code for code in ("eng", "slk", "deu", "vie", "swa", "fin") if code in here
    ]
    lines = {code: f"{SLOVAK_LINES[0]} {number}" for number, code in enumerate(wanted, 11)}

    answers = await asyncio.gather(
        *(
            stub.Recognize(pb.RecognizeRequest(image=page_png(lines[code]), language=code))
            for code in wanted * 3
        )
    )

    assert [answer.language for answer in answers] == wanted * 3
    for answer in answers:
        assert answer.text.split()[-1] == lines[answer.language].split()[-1]


async def test_waiting_request_leaves_at_its_deadline(stub: "rpc.OcrServiceAsyncStub") -> None:
    request = pb.RecognizeRequest(image=LETTER)
    running_calls = [stub.Recognize(request) for _ in range(3)]

    code, _, _ = await failure(stub.Recognize(request, timeout=0.05))

    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    for call in running_calls:
        assert (await call).text.startswith("Dear")
