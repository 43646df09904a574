"""Settings from the environment: their defaults, their form, and all their faults at once."""

from ipaddress import ip_network

import pytest
from pydantic import SecretStr, ValidationError

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


@pytest.mark.parametrize("url", ["", "nats://a:4222", "tls://user:password@a:4222,nats://b:4222"])
def test_servers_of_nats_are_urls_with_commas_between_them(url: str) -> None:
    assert GatewaySettings(nats_url=url).nats_url == url


@pytest.mark.parametrize(
    "url", ["a:4222", "http://a:4222", "nats://", "nats://a:4222, b", "nats://a,"]
)
def test_what_is_no_server_of_nats_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="nats_url"):
        GatewaySettings(nats_url=url)


@pytest.mark.parametrize("url", ["", "https://images.example.org", "http://10.0.0.1:8080/mesh/"])
def test_public_url_is_an_http_url_or_empty(url: str) -> None:
    assert GatewaySettings(public_url=url).public_url == url


@pytest.mark.parametrize(
    ("text", "prices"),
    [("", {}), ("colorize=2, ocr=0", {"colorize": 2, "ocr": 0}), ("nudity=1,", {"nudity": 1})],
)
def test_prices_are_pairs_with_commas_between_them(
    monkeypatch: pytest.MonkeyPatch, text: str, prices: dict[str, int]
) -> None:
    monkeypatch.setenv("GATEWAY_PRICES", text)

    assert load_settings(GatewaySettings).prices == prices


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PRICES", "color=2"),
        ("PRICES", "ocr"),
        ("PRICES", "ocr=-1"),
        ("PRICES", "ocr=1.5"),
        ("PRICES", "ocr=1000001"),
        ("RATE_LIMIT", "60"),
        ("ACCOUNT_RATE_LIMIT", "often"),
        ("RATE_URL", "memcached://localhost"),
        ("DATABASE_URL", "postgresql://localhost/imagemesh"),
        ("KEY_CACHE_S", "31"),
    ],
)
def test_bad_price_limit_or_store_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(f"GATEWAY_{name}", text)

    with pytest.raises(ValidationError, match=name.lower()):
        GatewaySettings()


def test_settings_do_not_change_after_they_are_read() -> None:
    settings = GatewaySettings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


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


@pytest.mark.parametrize("url", ["http://a.example/x", "file:///etc", "s3://", "bucket"])
def test_results_url_is_a_bucket_or_none(url: str) -> None:
    with pytest.raises(ValidationError, match="results_url"):
        GatewaySettings(results_url=url)
