"""The files beside the chart have no faults, and a planted error of each kind is caught."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.check_deploy import DOCKERFILE
from scripts.envoy_on_loopback import CONFIG
from scripts.render_base import ROOT
from tests.deploy.alert_checks import alert_faults, query_faults
from tests.deploy.compose_checks import compose_faults
from tests.deploy.envoy_checks import SECRET_ITEMS, envoy_faults, secret_faults
from tests.deploy.image_checks import image_faults
from tests.deploy.paths import put, seen
from tests.deploy.planted import ENVOY, Planted, Written
from tests.deploy.planted_beside import ALERTS, COMPOSE, IMAGE
from tests.deploy.test_telemetry import TELEMETRY, queries

FILES = {
    "envoy": CONFIG,
    "compose": ROOT / "deploy" / "compose.yaml",
    "alerts": TELEMETRY / "alerts.yaml",
}
PLANTED = [
    *(("envoy", planted) for planted in ENVOY),
    *(("compose", planted) for planted in COMPOSE),
    *(("alerts", planted) for planted in ALERTS),
]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Return the files as JSON, in which no part is there twice."""
    return {name: json.dumps(_parsed(path)) for name, path in FILES.items()}


def _parsed(path: Path) -> Any:  # Any: a YAML document
    return yaml.load(path.read_text(), yaml.CSafeLoader)


def found_in(name: str, document: Any, texts: dict[str, str]) -> list[str]:  # Any: as above
    """Return what the checks of a file say of it."""
    if name == "compose":
        return compose_faults(document, json.loads(texts["envoy"]))
    return {"envoy": envoy_faults, "alerts": alert_faults}[name](document)


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_no_faults(name: str, texts: dict[str, str]) -> None:
    assert found_in(name, json.loads(texts[name]), texts) == []


@pytest.mark.parametrize(("name", "planted"), PLANTED, ids=str)
def test_a_planted_error_is_caught(name: str, planted: Planted, texts: dict[str, str]) -> None:
    document = json.loads(texts[name])
    assert seen(document, planted.path) != planted.value

    put(document, planted.path, planted.value)

    assert planted.report in "\n".join(found_in(name, document, texts))


def test_the_dockerfile_has_no_faults() -> None:
    assert image_faults(DOCKERFILE.read_text()) == []


def test_the_builder_is_sent_nothing_that_is_not_named() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()

    assert next(rule for rule in rules if rule and rule[0] not in "#!") == "*"


@pytest.mark.parametrize("written", IMAGE, ids=str)
def test_an_error_in_the_dockerfile_is_caught(written: Written) -> None:
    text = DOCKERFILE.read_text()
    assert written.text in text

    changed = text.replace(written.text, written.instead)

    assert written.report in "\n".join(image_faults(changed))


@pytest.mark.parametrize("asker", queries())
def test_a_query_has_no_faults(asker: str) -> None:
    assert list(query_faults(queries()[asker])) == []


@pytest.mark.parametrize("name", SECRET_ITEMS)
def test_a_certificate_that_envoy_reads_has_no_faults(name: str) -> None:
    assert list(secret_faults(name, _parsed(CONFIG.with_name(name)))) == []


@pytest.mark.parametrize(
    ("path", "value", "report"),
    [
        ("validation_context/trust_chain_verification", "ACCEPT_UNTRUSTED", "of anyone"),
        ("validation_context/trusted_ca/filename", "/etc/ssl/ca.crt", "reads ['/etc/ssl/ca.crt']"),
        ("validation_context/watched_directory", {}, "is read once"),
    ],
)
def test_an_authority_that_is_none_is_found(path: str, value: object, report: str) -> None:
    document = _parsed(CONFIG.with_name("authority.yaml"))

    put(document["resources"][0], path, value)

    assert report in "\n".join(secret_faults("authority.yaml", document))
