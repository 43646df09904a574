"""Text models of the profile full: polarity and abstractive summaries, with stand-ins."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from imagemesh.ocr.v1 import analysis_pb2
from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from modelkit.cli import choose_models, pull_models
from modelkit.manifest import ModelEntry, load_manifest
from modelkit.runtime import Runtime
from modelkit.settings import ModelCommandSettings
from ocr.abstractive import AbstractiveSummarizer
from ocr.service import build_service
from ocr.settings import OcrSettings
from servicekit.errors import ModelNotInstalled
from tests.modelkit.file_server import FileServer, serving_file
from tests.ocr.letters import COMPLAINT, GERMAN
from tests.ocr.text_stand_ins import make_decoder, make_encoder, make_polarity, make_words
from tests.serving import connected, failure

WORDS = [f"w{number}" for number in range(400)]
PLAIN = "The meeting is in room four. The list has nine names."
NAMES = (
    "distilbert-sst2",
    "distilbart-cnn-6-6-encoder",
    "distilbart-cnn-6-6",
    "distilbart-cnn-6-6-tokens",
)
ABSTRACTIVE = analysis_pb2.SUMMARY_KIND_ABSTRACTIVE


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sequence[ModelEntry], Path]:
    """Pull stand-ins of the models; return the manifest with their hashes, and the folder."""
    words = [*WORDS, *COMPLAINT.split()]
    tokens = make_words(list(dict.fromkeys(words)))
    files = [make_polarity(), make_encoder(), make_decoder(600), tokens.encode()]
    content = dict(zip(NAMES, files, strict=True))
    entries = [
        replace(
            entry,
            sha256=hashlib.sha256(content[entry.name]).hexdigest(),
            bytes=len(content[entry.name]),
        )
        if entry.name in content
        else entry
        for entry in load_manifest("ocr")
    ]
    models_dir = tmp_path_factory.mktemp("models")
    by_file = {entry.file: content[entry.name] for entry in entries if entry.name in content}
    with serving_file(FileServer(b"", files=by_file)) as mirror:
        settings = ModelCommandSettings(models_dir=models_dir, models_mirror=mirror.url)
        wanted = choose_models(entries, list(NAMES))
        assert pull_models(wanted, settings, require_hashes=True) == 0
    return entries, models_dir


def settings_of(models_dir: Path) -> OcrSettings:
    return OcrSettings(port=0, metrics_port=0, threads=1, models_dir=models_dir)


async def test_service_answers_with_the_pulled_models_and_names_them(
    pulled: tuple[Sequence[ModelEntry], Path],
) -> None:
    entries, models_dir = pulled
    settings = settings_of(models_dir)
    async with connected(build_service(settings, entries=entries), settings) as channel:
        stub = rpc.OcrServiceStub(channel)
        asked = pb.AnalyzeTextRequest(text=COMPLAINT, summary=ABSTRACTIVE)
        written = (await stub.AnalyzeText(asked)).analysis
        good = (
            await stub.AnalyzeText(pb.AnalyzeTextRequest(text="It is a good, bad day."))
        ).analysis
        plain = (await stub.AnalyzeText(pb.AnalyzeTextRequest(text=PLAIN))).analysis
        german = (
            await stub.AnalyzeText(pb.AnalyzeTextRequest(text=GERMAN, summary=ABSTRACTIVE))
        ).analysis

    # The stand-in copies the text.
    assert COMPLAINT.split()[:20] == written.summary.split()[:20]
    assert written.summary_model.name == "distilbart-cnn-6-6"
    assert {one.sentiment_model.name for one in (written, good, plain)} == {"distilbert-sst2"}
    assert good.summary_model.name == "all-minilm-l6-v2"
    assert good.sentiment.label == analysis_pb2.SENTIMENT_LABEL_POSITIVE
    assert written.sentiment.label == analysis_pb2.SENTIMENT_LABEL_NEGATIVE
    # Neutral is still told by the embedded network: DistilBERT knows two tones.
    assert plain.sentiment.label == analysis_pb2.SENTIMENT_LABEL_NEUTRAL
    assert (german.summary, german.notice[:24]) == ("", "the text looks like Germ")


async def test_missing_summarizer_is_refused_with_the_command_that_installs_it(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path)
    async with connected(build_service(settings), settings) as channel:
        stub = rpc.OcrServiceStub(channel)
        asked = pb.AnalyzeTextRequest(text=COMPLAINT, summary=ABSTRACTIVE)
        code, _, details = await failure(stub.AnalyzeText(asked))
        extractive = (await stub.AnalyzeText(pb.AnalyzeTextRequest(text=COMPLAINT))).analysis

    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert f"imagemesh models pull {' '.join(NAMES[1:])}" in details
    assert extractive.summary
    assert extractive.sentiment_model.name == "minilm-sentiment"


@pytest.fixture(scope="module")
def summarizer(tmp_path_factory: pytest.TempPathFactory) -> AbstractiveSummarizer:
    tokenizer = tmp_path_factory.mktemp("words") / "tokenizer.json"
    tokenizer.write_text(make_words(WORDS))
    graphs = (make_encoder(), make_decoder(len(WORDS) + 4))
    sessions = [Runtime().open_session(graph, sizes_vary=True) for graph in graphs]
    return AbstractiveSummarizer(sessions[0], sessions[1], tokenizer)


def test_summary_ends_after_142_tokens_at_most(summarizer: AbstractiveSummarizer) -> None:
    summary = summarizer.summarize(" ".join(WORDS))

    assert summary.split() == WORDS[: 142 - 3]  # the two tokens before it, and the end


def test_summary_of_a_short_text_may_be_short(summarizer: AbstractiveSummarizer) -> None:
    assert summarizer.summarize("w1 w2 w3") == "w1 w2 w3"


def test_summary_never_says_three_tokens_twice(summarizer: AbstractiveSummarizer) -> None:
    words = summarizer.summarize(" ".join(["w1 w2 w3"] * 30)).split()

    triples = list(zip(words, words[1:], words[2:], strict=False))
    assert len(triples) > 20
    assert len(set(triples)) == len(triples)


def test_decoder_of_another_signature_is_refused(tmp_path: Path) -> None:
    encoder = Runtime().open_session(make_encoder(), sizes_vary=True)
    with pytest.raises(ModelNotInstalled, match="attention_mask"):
        AbstractiveSummarizer(encoder, encoder, tmp_path)
