"""Fine-tune the last layers of MiniLM for the tone of a sentence.

    python -m models.sentiment.train --data DATA

First on phrases of the Stanford Sentiment Treebank and neutral sentences; the phrases of 800 whole
sentences are left out. Then for each UCI domain on the other two, to score the domain left out; at
last on all three, for the weights that ship.
"""

import copy
import json
import logging
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cyclopts
import torch
from torch import Tensor, nn
from torch.nn import functional
from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]  # it ships no types
    SentimentIntensityAnalyzer,
)

from models.sentiment.networks import SHARED_LAYERS, SentenceNetwork, SentimentNetwork
from models.sentiment.neutral import neutral_texts
from models.training.averaging import AveragedNetwork
from models.training.calibration import calibration_error, fit_temperature
from models.training.encoders import load_minilm
from models.training.run import save_weights
from ocr.tokens import MiniLmTokenizer

log = logging.getLogger(__name__)

DOMAINS = ("amazon_cells_labelled.txt", "imdb_labelled.txt", "yelp_labelled.txt")
NEGATIVE, NEUTRAL, POSITIVE = range(3)
LEFT_OUT_SENTENCES = 800
_LEAST_WORDS = 8  # of a sentence that is left out
_BATCH = 32
_POOL = 64  # batches whose texts are sorted by length together
_MADE_NEUTRAL = 4000
_AVERAGING = 0.998
_WEIGHT_DECAY = 0.01
_SMOOTHING = 0.05
_WARM_UP = 0.06  # of the steps
_SEED = 1
_KEPT_FROM_TREEBANK = 6000  # texts of the first stage that the second one sees again


@dataclass(frozen=True, slots=True)
class Example:
    """Text with its tone: 0 negative, 1 neutral, 2 positive."""

    text: str
    tone: int


class Trainer:
    """Fine-tunes copies of a network over the frozen layers of MiniLM.

    Args:
        base: MiniLM with its published weights.
        tokenizer: Of MiniLM.
    """

    def __init__(self, base: SentenceNetwork, tokenizer: MiniLmTokenizer) -> None:
        self._base = base.eval().requires_grad_(requires_grad=False)
        self._tokenizer = tokenizer

    def fresh_network(self) -> SentimentNetwork:
        """Return a network whose layers are the last ones of MiniLM."""
        network = SentimentNetwork()
        network.layers.load_state_dict(
            nn.ModuleList(list(self._base.layers)[SHARED_LAYERS:]).state_dict()
        )
        return network

    def fine_tune(
        self, network: SentimentNetwork, examples: Sequence[Example], *, epochs: int, rate: float
    ) -> SentimentNetwork:
        """Return the averaged weights after training on the examples."""
        averaged = AveragedNetwork(network, decay=_AVERAGING)
        optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=_WEIGHT_DECAY)
        steps = epochs * -(-len(examples) // _BATCH)
        chance = random.Random(_SEED)  # noqa: S311 - no secret
        step, losses = 0, 0.0
        network.requires_grad_().train()  # the average of the first stage was frozen
        for _ in range(epochs):
            for batch in _batches(examples, chance):
                for group in optimizer.param_groups:
                    group["lr"] = rate * _schedule(step / steps)
                tokens, tones = self._tensors(batch)
                with torch.autocast("cpu", torch.bfloat16):
                    states = self._base.shared_states(tokens)
                    logits = network(states, tokens)
                loss = functional.cross_entropy(logits.float(), tones, label_smoothing=_SMOOTHING)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                averaged.update(network)
                step += 1
                losses += loss.item()
                if step % 200 == 0:
                    log.info("step %d of %d, loss %.4f", step, steps, losses / 200)
                    losses = 0.0
        result = averaged.network
        assert isinstance(result, SentimentNetwork)  # noqa: S101 - for mypy
        return result

    @torch.inference_mode()
    def logits(self, network: SentimentNetwork, texts: Sequence[str]) -> Tensor:
        """Return (count, 3) logits of the texts, in their order."""
        rows = torch.zeros(len(texts), 3)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            tokens = torch.from_numpy(self._tokenizer.tokens([texts[index] for index in some]))
            rows[some] = network(self._base.shared_states(tokens), tokens)
        return rows

    def _tensors(self, batch: Sequence[Example]) -> tuple[Tensor, Tensor]:
        tokens = torch.from_numpy(self._tokenizer.tokens([one.text for one in batch]))
        return tokens, torch.tensor([one.tone for one in batch])


def read_domain(file: Path) -> list[Example]:
    """Return the lines of a file with a sentence, a tab and 0 (negative) or 1 (positive)."""
    pairs = [line.rsplit("\t", 1) for line in file.read_text("utf-8").strip("\n").split("\n")]
    return [Example(text.strip(), NEGATIVE + 2 * int(label)) for text, label in pairs]


def split_treebank(file: Path) -> tuple[list[Example], list[Example]]:
    """Return the phrases to train on and whole sentences left out; no phrase is part of one."""
    phrases = read_treebank(file)
    whole = [
        one for one in phrases if one.text.endswith(".") and len(one.text.split()) >= _LEAST_WORDS
    ]
    left_out = random.Random(_SEED).sample(whole, LEFT_OUT_SENTENCES)  # noqa: S311 - no secret
    text = "\n".join(one.text for one in left_out)
    return [one for one in phrases if one.text not in text], left_out


def read_treebank(file: Path) -> list[Example]:
    """Return the phrases of a table with the columns sentence and label."""
    lines = file.read_text("utf-8").strip("\n").split("\n")[1:]
    pairs = [line.rsplit("\t", 1) for line in lines]
    return [Example(text.strip(), NEGATIVE + 2 * int(label)) for text, label in pairs]


def polar_accuracy(logits: Tensor, examples: Sequence[Example]) -> float:
    """Return the share of texts with a tone whose better of positive and negative is right."""
    tones = torch.tensor([one.tone for one in examples])
    said = logits[:, POSITIVE] > logits[:, NEGATIVE]
    return float((said == (tones == POSITIVE)).float().mean().item())


def lexicon_accuracy(examples: Sequence[Example]) -> float:
    """Return VADER's share of right signs on texts with a tone."""
    lexicon = SentimentIntensityAnalyzer()
    right: list[bool] = [
        (lexicon.polarity_scores(one.text)["compound"] > 0) == (one.tone == POSITIVE)
        for one in examples
    ]
    return sum(right) / len(right)


def _batches(examples: Sequence[Example], chance: random.Random) -> Iterator[list[Example]]:
    """Yield all examples once, texts of like length together, batches in random order."""
    order = list(examples)
    chance.shuffle(order)
    for start in range(0, len(order), _BATCH * _POOL):
        pool = sorted(order[start : start + _BATCH * _POOL], key=lambda one: len(one.text))
        batches = [pool[first : first + _BATCH] for first in range(0, len(pool), _BATCH)]
        chance.shuffle(batches)
        yield from batches


def _schedule(progress: float) -> float:
    if progress < _WARM_UP:
        return progress / _WARM_UP
    return (1 + math.cos(math.pi * (progress - _WARM_UP) / (1 - _WARM_UP))) / 2


def main(
    *,
    data: Path,
    out: Path = Path(".train/sentiment"),
    metrics: Path = Path("models/sentiment/metrics.json"),
    epochs: int = 3,
    threads: int = 1,
) -> None:
    """Train, score and write the weights.

    Args:
        data: Folder of the data sets.
        out: Folder of the weights.
        metrics: File of the scores.
        epochs: Over the treebank.
        threads: Of torch.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(_SEED)
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    run_training(data, out, metrics, epochs=epochs)


def run_training(data: Path, out: Path, metrics: Path, *, epochs: int) -> None:
    """Train both stages; the first one is kept, and not trained again."""
    base, tokenizer = load_minilm()
    trainer = Trainer(base, tokenizer)
    treebank, left_out = split_treebank(data / "sentiment" / "sst2-train.tsv")
    chance = random.Random(_SEED)  # noqa: S311 - no secret
    neutral = _read_neutral(data, chance)
    unseen_neutral, neutral = neutral[:500], neutral[500:]
    first = _first_stage(trainer, [*treebank, *neutral], out / "treebank.pt", epochs=epochs)
    scores: dict[str, float] = {}
    logits = trainer.logits(first, [one.text for one in left_out])
    scores["treebank_left_out"] = polar_accuracy(logits, left_out)
    scores["treebank_left_out_vader"] = lexicon_accuracy(left_out)
    kept = [*chance.sample(treebank, _KEPT_FROM_TREEBANK), *chance.sample(neutral, 1500)]
    domains = {name: read_domain(data / "sentiment" / name) for name in DOMAINS}
    collected = []
    for name, unseen in domains.items():
        others = [one for other in domains if other != name for one in domains[other]]
        network = trainer.fine_tune(
            copy.deepcopy(first), [*others, *others, *kept], epochs=1, rate=5e-5
        )
        logits = trainer.logits(network, [one.text for one in unseen])
        short = name.partition("_")[0]
        scores[f"{short}_left_out"] = polar_accuracy(logits, unseen)
        scores[f"{short}_left_out_vader"] = lexicon_accuracy(unseen)
        collected.append((logits, unseen))
        log.info("%s", json.dumps(scores))
    everything = [one for some in domains.values() for one in some]
    shipped = trainer.fine_tune(
        copy.deepcopy(first), [*everything, *everything, *kept], epochs=1, rate=5e-5
    )
    logits = trainer.logits(shipped, [one.text for one in left_out])
    scores["shipped_treebank_left_out"] = polar_accuracy(logits, left_out)
    collected.append((logits, left_out))
    scores |= _calibrate(trainer, shipped, collected, unseen_neutral)
    save_weights(shipped, out / "weights.safetensors")
    rounded = {name: round(value, 4) for name, value in scores.items()}
    metrics.write_text(json.dumps(rounded, indent=2) + "\n")
    log.info("wrote weights %s", json.dumps(rounded))


def _read_neutral(data: Path, chance: random.Random) -> list[Example]:
    taxonomy = data / "taxonomy" / "iab-content-3.1.tsv"
    texts = neutral_texts(taxonomy, made=_MADE_NEUTRAL, seed=_SEED)
    neutral = [Example(text, NEUTRAL) for text in texts]
    chance.shuffle(neutral)
    return neutral


def _first_stage(
    trainer: Trainer, examples: Sequence[Example], checkpoint: Path, *, epochs: int
) -> SentimentNetwork:
    network = trainer.fresh_network()
    if checkpoint.exists():
        network.load_state_dict(torch.load(checkpoint, weights_only=True))
        return network
    trained = trainer.fine_tune(network, examples, epochs=epochs, rate=1.5e-4)
    torch.save(trained.state_dict(), checkpoint)
    return trained


def _calibrate(
    trainer: Trainer,
    shipped: SentimentNetwork,
    left_out: Sequence[tuple[Tensor, Sequence[Example]]],
    neutral: Sequence[Example],
) -> dict[str, float]:
    """Fold the temperature into the head that fits texts left out; return the errors."""
    neutral_logits = trainer.logits(shipped, [one.text for one in neutral])
    logits = torch.cat([*(rows for rows, _ in left_out), neutral_logits])
    examples = [*(one for _, some in left_out for one in some), *neutral]
    tones = torch.tensor([one.tone for one in examples])
    temperature = fit_temperature(logits, tones)
    with torch.no_grad():
        shipped.head.weight.div_(temperature)
        shipped.head.bias.div_(temperature)
    found = (neutral_logits.argmax(dim=1) == NEUTRAL).float().mean().item()
    polar = logits[: -len(neutral)].argmax(dim=1)
    return {
        "temperature": temperature,
        "neutral_found": found,
        "polar_called_neutral": (polar == NEUTRAL).float().mean().item(),
        "ece": calibration_error((logits / temperature).softmax(dim=1), tones),
    }


if __name__ == "__main__":
    cyclopts.run(main)
