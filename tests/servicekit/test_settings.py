"""Settings from the environment, and their errors."""

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


@pytest.mark.parametrize("url", ["collector:4317", "grpc://collector:4317", "http://"])
def test_collector_that_is_no_url_is_reported_by_its_own_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)

    with pytest.raises(SystemExit):
        load_settings(EchoSettings)

    assert capsys.readouterr().err.startswith("setting OTEL_EXPORTER_OTLP_ENDPOINT: ")


def test_settings_are_frozen() -> None:
    settings = EchoSettings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 3
