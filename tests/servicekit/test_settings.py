"""Settings as the operator meets them."""

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from servicekit.settings import ServiceSettings, load_settings


class EchoSettings(ServiceSettings):
    """Settings of a service with a prefix."""

    model_config = SettingsConfigDict(env_prefix="ECHO_", frozen=True)
    port: int = 1
    metrics_port: int = 2


def test_environment_wins_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_PORT", "50099")

    assert load_settings(EchoSettings).port == 50099


def test_all_faults_are_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ECHO_DRAIN_S", "-1")
    monkeypatch.setenv("ECHO_LOG_LEVEL", "loud")

    with pytest.raises(SystemExit) as caught:
        load_settings(EchoSettings)

    lines = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2
    assert [line.split(":")[0] for line in lines] == [
        "setting ECHO_LOG_LEVEL",
        "setting ECHO_DRAIN_S",
    ]


def test_settings_are_frozen() -> None:
    settings = EchoSettings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 3
