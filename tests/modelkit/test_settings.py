"""Settings of services with models."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from modelkit.settings import ModelServiceSettings, TorchServiceSettings


def test_defaults_need_no_setting_but_the_ports() -> None:
    settings = ModelServiceSettings(port=0, metrics_port=0)

    assert settings.device == "auto"
    assert settings.profile == "auto"
    assert settings.models_dir == Path.home() / ".cache" / "imagemesh" / "models"
    assert settings.max_image_pixels == 25_000_000


def test_all_wrong_values_are_told_at_once() -> None:
    wrong = {"port": 0, "metrics_port": 0, "device": "tpu", "max_run_s": 0, "threads": 5000}

    with pytest.raises(ValidationError) as caught:
        ModelServiceSettings.model_validate(wrong)

    assert {fault["loc"][0] for fault in caught.value.errors()} == {
        "device",
        "max_run_s",
        "threads",
    }


def test_torch_computes_in_float32_unless_told_otherwise() -> None:
    settings = TorchServiceSettings(port=0, metrics_port=0)

    assert settings.precision == "float32"


def test_precision_is_checked() -> None:
    with pytest.raises(ValidationError):
        TorchServiceSettings.model_validate({"port": 0, "metrics_port": 0, "precision": "int8"})
