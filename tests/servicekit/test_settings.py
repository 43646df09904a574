"""Settings from the environment, and their errors."""

from pathlib import Path

import pytest
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


def test_a_value_comes_out_of_the_file_that_its_variable_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As Secrets are mounted: with a line break at the end that is not meant."""
    for name, text in (("ECHO_HOST", "10.0.0.1\n"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1")):
        (tmp_path / name).write_text(text)
        monkeypatch.setenv(name, "")  # as if unset, and restored after the test
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))

    settings = load_settings(EchoSettings)

    assert (settings.host, settings.otlp_endpoint) == ("10.0.0.1", "http://c:1")


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/nowhere/secret", "cannot be read (got '/nowhere/secret')"),
        ("/dev/null", "is set beside ECHO_HOST; set one of them"),
    ],
)
def test_a_file_that_is_not_there_or_not_alone_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str, fault: str
) -> None:
    monkeypatch.setenv("ECHO_HOST_FILE", path)
    monkeypatch.setenv("ECHO_HOST", "10.0.0.1")

    with pytest.raises(SystemExit) as caught:
        load_settings(EchoSettings)

    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith(f"setting ECHO_HOST_FILE: {fault}")
