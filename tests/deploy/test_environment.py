"""Every variable that the chart sets is a setting of its process, which takes its value."""

from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from colorize.settings import ColorizeSettings
from gateway.settings import GatewaySettings
from modelkit.settings import ModelCommandSettings
from ocr.settings import OcrSettings
from scripts.dev_certificates import make_certificates
from scripts.render_base import Object
from servicekit.settings import load_settings
from tests.deploy.objects import containers, environment, of_kind, one, pod_of, ports_of, rendered
from tests.deploy.renders import RENDERS
from vision.settings import VisionSettings

SETTINGS: dict[str, type[BaseSettings]] = {
    "gateway": GatewaySettings,
    "colorize": ColorizeSettings,
    "ocr": OcrSettings,
    "vision": VisionSettings,
    "pull-models": ModelCommandSettings,
}
# What stands for a Secret's value, by the variable.
SECRETS = {
    "GATEWAY_DATABASE_URL": "postgresql+asyncpg://mesh:pw@db/mesh",
    "GATEWAY_RATE_URL": "redis://redis:6379/0",
    "GATEWAY_WEBHOOK_SECRET": "s" * 32,
    "GATEWAY_ADMIN_TOKEN": "t" * 32,
    "GATEWAY_NATS_URL": "nats://nats:4222",
}
# Values of the chart that have a place of their own, and so are no entry of `settings`.
OWN = {
    *("host", "port", "log_level", "log_format", "drain_s", "metrics_port", "device", "profile"),
    *("threads", "models_dir", "request_timeout_s", "colorize_address", "ocr_address"),
    *("vision_address", "public_url", "database_url", "results_url", "results_dir", "rate_url"),
    *("webhook_secret", "admin_host", "admin_port", "admin_token", "authz_host", "authz_port"),
    *("otlp_endpoint", "nats_url", "job_worker", "tls_dir", "health_port"),
}
# Read by the libraries for traces, TLS and buckets themselves.
LIBRARIES = {
    *("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_EXPORTER_OTLP_HEADERS"),
    *("OTEL_EXPORTER_OTLP_CERTIFICATE", "SSL_CERT_FILE"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT"),
}


def variables_of(cls: type[BaseSettings]) -> set[str]:
    """Return the names of the variables that a class reads."""
    prefix = cls.model_config.get("env_prefix", "")
    return {
        str(field.validation_alias or prefix + name.upper())
        for name, field in cls.model_fields.items()
    }


def own_containers(name: str) -> list[Object]:
    """Return the containers of a render that run the project's own processes."""
    return [
        container
        for part in of_kind(rendered(RENDERS[name]), "Deployment")
        for container in containers(part)
        if container["name"] not in {"envoy", "nats"}
    ]


@pytest.mark.parametrize("name", RENDERS)
def test_a_process_starts_with_what_the_chart_sets(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_certificates(tmp_path / "tls")
    names = {name.removesuffix("_FILE") for name in LIBRARIES}
    for container in own_containers(name):
        cls = SETTINGS[container["name"]]
        values = environment(container)
        assert {name.removesuffix("_FILE") for name in values} - names <= variables_of(cls)
        for variable, value in values.items():
            given = value if isinstance(value, str) else SECRETS.get(variable, "2")
            monkeypatch.setenv(variable, given.replace("/etc/imagemesh", str(tmp_path)))
            if variable.endswith("_FILE"):
                monkeypatch.setenv(variable.removesuffix("_FILE"), "")
                path = tmp_path / "secrets" / variable.removesuffix("_FILE")
                path.parent.mkdir(exist_ok=True)
                path.write_text(SECRETS.get(path.name, "2"))

        load_settings(cls)  # ends the process where a value is wrong


@pytest.mark.parametrize("name", ["colorize", "ocr", "vision"])
def test_services_listen_where_the_chart_says(name: str) -> None:
    fields = SETTINGS[name].model_fields

    ports = ports_of(one(rendered(), "Deployment", name))

    assert ports == {"grpc": fields["port"].default, "metrics": fields["metrics_port"].default}


def test_the_gateway_listens_where_the_chart_says() -> None:
    deployment = one(rendered(), "Deployment", "gateway")

    ports = ports_of(deployment)

    assert ports["http"] == GatewaySettings.model_fields["port"].default
    (container,) = pod_of(deployment)["containers"]
    assert str(ports["authz"]) == environment(container)["GATEWAY_AUTHZ_PORT"]


@pytest.mark.parametrize("name", ["gateway", "colorize", "ocr", "vision"])
def test_every_other_setting_can_be_given(name: str, chart_schema: Object) -> None:
    properties = chart_schema["properties"]
    if name == "gateway":
        settings = properties["gateway"]["properties"]["settings"]
    else:
        settings = properties["services"]["properties"][name]["allOf"][1]["properties"]["settings"]

    offered = settings["propertyNames"]["enum"]

    others = {field.upper() for field in SETTINGS[name].model_fields if field not in OWN}
    assert set(offered) == others, "write the names of the settings into values.schema.json"
