"""Nudity policies: named thresholds that make a judgement of a score."""

from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass as checked_dataclass
from pydantic_settings import NoDecode

from vision.nudity import NudityScore

DEFAULT = "default"
SUGGESTIVE_THRESHOLD = 0.5  # likelier than not

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")]


class Severity(StrEnum):
    """Severity of nudity, of a model whose classes tell these apart."""

    NONE = "none"
    SUGGESTIVE = "suggestive"
    EXPLICIT = "explicit"


@checked_dataclass(frozen=True, slots=True)
class NudityPolicy:
    """Thresholds of one policy.

    Attributes:
        threshold: Least score of a photo that is called nude.
        suggestive: Least probability of suggestive or worse that is called suggestive.
    """

    threshold: Share
    suggestive: Share = SUGGESTIVE_THRESHOLD

    def is_nude(self, score: NudityScore) -> bool:
        """Return whether the score is called nude."""
        return score.nude >= self.threshold

    def severity(self, score: NudityScore) -> Severity | None:
        """Return the severity of a score; None where the model only tells nude from not nude."""
        if score.suggestive is None:
            return None
        if self.is_nude(score):
            return Severity.EXPLICIT
        return Severity.SUGGESTIVE if score.suggestive >= self.suggestive else Severity.NONE

    def rank(self, score: NudityScore) -> tuple[int, float]:
        """Return the rank of a frame: its severity, then its score; the worst has the highest."""
        severity = self.severity(score)
        return 0 if severity is None else list(Severity).index(severity), score.nude


def _read(text: object) -> object:
    """Return the policies of "strict=0.5:0.2,lenient=0.95"; what is no text stays as it is."""
    if not isinstance(text, str):
        return text
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    policies = {}
    for name, sign, numbers in pairs:
        threshold, colon, suggestive = numbers.partition(":")
        if not sign:
            raise ValueError(f"{name.strip()!r} has no threshold; write NAME=THRESHOLD")
        policies[name.strip()] = {
            "threshold": threshold.strip(),
            **({"suggestive": suggestive.strip()} if colon else {}),
        }
    return policies


Policies: TypeAlias = Annotated[dict[Name, NudityPolicy], NoDecode, BeforeValidator(_read)]
