"""Report the share of harmless photos called nude: python -m benchmarks.nudity FOLDER_OR_ZIP ..."""

import argparse
import zipfile
from collections.abc import Iterator
from pathlib import Path

from modelkit.images import ImageLimits, decode_image
from modelkit.manifest import find_model, load_manifest
from modelkit.settings import DEFAULT_MODELS_DIR
from vision.nudity import NudityScorer

THRESHOLDS = (0.2, 0.5, 0.8, 0.9)
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
HIGHEST_SHOWN = 5


def main() -> None:
    """Score every photo of each place and print the share at or above each threshold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("places", nargs="+", type=Path, help="folder or zip of harmless photos")
    places: list[Path] = parser.parse_args().places
    found = find_model(load_manifest("vision"), "nudity", models_dir=DEFAULT_MODELS_DIR)
    scorer = NudityScorer(found.path, threads=0)
    for place in places:
        scores = {name: _score(scorer, content) for name, content in _photos(place)}
        _report(place.name, scores)


def _photos(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.suffix == ".zip":
        with zipfile.ZipFile(place) as archive:
            for name in sorted(archive.namelist()):
                if name.lower().endswith(SUFFIXES):
                    yield name, archive.read(name)
        return
    for path in sorted(place.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            yield path.name, path.read_bytes()


def _score(scorer: NudityScorer, content: bytes) -> float:
    return scorer.score(decode_image(content, ImageLimits()).pixels)


def _report(place: str, scores: dict[str, float]) -> None:
    print(f"{place}: {len(scores)} photos")
    for threshold in THRESHOLDS:
        count = sum(score >= threshold for score in scores.values())
        print(f"  score >= {threshold}: {count} ({count / max(1, len(scores)):.1%})")
    highest = sorted(scores.items(), key=lambda item: -item[1])[:HIGHEST_SHOWN]
    print("  highest: " + ", ".join(f"{name} {score:.3f}" for name, score in highest))


if __name__ == "__main__":
    main()
