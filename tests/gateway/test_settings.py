"""Settings from the environment: their defaults, their form, and all their faults at once."""

from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from gateway.settings import GatewaySettings
from servicekit.settings import load_settings


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", ()),
        (" , ", ()),
        ("10.0.0.0/8", ("10.0.0.0/8",)),
        ("10.0.0.0/8, fd00::/8 ,192.168.1.7", ("10.0.0.0/8", "fd00::/8", "192.168.1.7/32")),
    ],
)
def test_exempt_networks_are_comma_separated(
    monkeypatch: pytest.MonkeyPatch, text: str, networks: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GATEWAY_FETCH_ALLOW", text)

    assert load_settings(GatewaySettings).fetch_allow == tuple(map(ip_network, networks))


def test_no_private_network_is_exempt_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_FETCH_ALLOW", raising=False)

    settings = load_settings(GatewaySettings)

    assert settings.fetch_allow == ()
    assert (settings.host, settings.port, settings.result_days) == ("127.0.0.1", 8080, 30)


@pytest.mark.parametrize("text", ["10.0.0.0/8;", "10.0.0.1/8", "localhost", "10.0.0.0/33", "*"])
def test_what_is_no_network_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("GATEWAY_FETCH_ALLOW", text)

    with pytest.raises(ValidationError, match="fetch_allow"):
        GatewaySettings()


def test_all_faults_are_told_at_once_and_the_exit_code_is_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_FETCH_ALLOW", "everywhere")
    monkeypatch.setenv("GATEWAY_PORT", "65536")
    monkeypatch.setenv("GATEWAY_REQUEST_TIMEOUT_S", "soon")
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "images.example.org")

    with pytest.raises(SystemExit) as ended:
        load_settings(GatewaySettings)

    told = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert [line.split(":")[0] for line in told] == [
        "setting GATEWAY_PORT",
        "setting GATEWAY_PUBLIC_URL",
        "setting GATEWAY_REQUEST_TIMEOUT_S",
        "setting GATEWAY_FETCH_ALLOW",
    ]


@pytest.mark.parametrize("url", ["", "https://images.example.org", "http://10.0.0.1:8080/mesh/"])
def test_public_url_is_an_http_url_or_empty(url: str) -> None:
    assert GatewaySettings(public_url=url).public_url == url


def test_settings_do_not_change_after_they_are_read() -> None:
    settings = GatewaySettings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


def test_every_setting_says_what_it_is_for() -> None:
    """The table of settings is generated from these sentences."""
    fields = GatewaySettings.model_fields

    assert [name for name, field in fields.items() if not field.description] == []
