"""Nudity policies: their setting and the severity that they make of a score."""

import pytest
from pydantic import ValidationError

from vision.nudity import NudityScore
from vision.policies import NudityPolicy, Severity
from vision.settings import VisionSettings


def test_setting_names_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_NUDITY_POLICIES", "strict=0.5:0.2, lenient = 0.95")

    settings = VisionSettings()

    assert settings.nudity_policies == {
        "strict": NudityPolicy(0.5, 0.2),
        "lenient": NudityPolicy(0.95, 0.5),
    }
    assert settings.policy("") == NudityPolicy(0.8)


def test_default_policy_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_NUDITY_POLICIES", "default=0.6:0.4")

    assert VisionSettings().policy("default") == NudityPolicy(0.6, 0.4)


@pytest.mark.parametrize("text", ["strict", "strict=", "strict=1.1", "strict=0.5:x", "A B=0.5"])
def test_wrong_setting_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("VISION_NUDITY_POLICIES", text)

    with pytest.raises(ValidationError):
        VisionSettings()


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        (NudityScore(0.9), None),
        (NudityScore(0.5, 0.6), Severity.EXPLICIT),
        (NudityScore(0.4, 0.6), Severity.SUGGESTIVE),
        (NudityScore(0.1, 0.2), Severity.NONE),
    ],
)
def test_explicit_is_what_is_called_nude(score: NudityScore, severity: Severity | None) -> None:
    assert NudityPolicy(0.5, 0.3).severity(score) == severity


def test_suggestive_frame_is_worse_than_one_of_higher_score() -> None:
    policy = NudityPolicy(0.8)

    worst = max([NudityScore(0.3, 0.4), NudityScore(0.1, 0.9)], key=policy.rank)

    assert worst == NudityScore(0.1, 0.9)
