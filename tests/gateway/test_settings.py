"""Settings from the environment: their defaults, their form, and all their faults at once."""

from ipaddress import ip_network

import pytest
from pydantic import SecretStr, ValidationError

from gateway.settings import GatewaySettings
from servicekit.settings import load_settings

NETWORKS = tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8", "192.168.1.7")))


def test_no_private_network_is_exempt_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_FETCH_ALLOW", raising=False)

    settings = load_settings(GatewaySettings)

    assert settings.fetch_allow == ()
    assert (settings.host, settings.port, settings.result_days) == ("127.0.0.1", 8080, 30)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("fetch_allow", " , ", ()),
        ("fetch_allow", "10.0.0.0/8, fd00::/8 ,192.168.1.7", NETWORKS),
        ("nats_url", "", ""),
        ("nats_url", "tls://user:password@a:4222,nats://b:4222", ...),
        ("public_url", "", ""),
        ("public_url", "http://10.0.0.1:8080/mesh/", ...),
        ("prices", "", {}),
        ("prices", "colorize=2, ocr=0,", {"colorize": 2, "ocr": 0}),
    ],
)
def test_setting_is_read_from_its_text(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(f"GATEWAY_{name.upper()}", text)

    assert getattr(load_settings(GatewaySettings), name) == (text if value is ... else value)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("fetch_allow", ["10.0.0.0/8;", "10.0.0.1/8", "localhost", "10.0.0.0/33", "*"]),
        ("nats_url", ["a:4222", "http://a:4222", "nats://", "nats://a:4222, b", "nats://a,"]),
        ("results_url", ["http://a.example/x", "file:///etc", "s3://", "bucket"]),
        ("prices", ["color=2", "ocr", "ocr=-1", "ocr=1.5", "ocr=1000001"]),
        ("rate_limit", ["60"]),
        ("account_rate_limit", ["often"]),
        ("rate_url", ["memcached://localhost"]),
        ("database_url", ["postgresql://localhost/imagemesh"]),
        ("key_cache_s", ["31"]),
    ],
)
def test_text_that_is_no_value_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, texts: list[str]
) -> None:
    for text in texts:
        monkeypatch.setenv(f"GATEWAY_{name.upper()}", text)

        with pytest.raises(ValidationError, match=name):
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


def test_every_setting_says_what_it_is_for() -> None:
    """The table of settings is generated from these sentences."""
    fields = GatewaySettings.model_fields

    assert [name for name, field in fields.items() if not field.description] == []


def test_secret_of_webhooks_is_long_or_none_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_WEBHOOK_SECRET", "x" * 32)

    settings = load_settings(GatewaySettings)

    assert settings.webhook_secret.get_secret_value() == "x" * 32
    assert "x" * 32 not in repr(settings)
    for short in ("x", "x" * 31):
        with pytest.raises(ValidationError, match="32 characters"):
            GatewaySettings(webhook_secret=SecretStr(short))
    assert GatewaySettings(webhook_secret=SecretStr("")).webhook_secret.get_secret_value() == ""
