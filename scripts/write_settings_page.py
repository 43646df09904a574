"""Write docs/settings.md from the Settings classes: the one table of all settings."""

from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from colorize.settings import ColorizeSettings
from gateway.settings import GatewaySettings
from modelkit.settings import ModelCommandSettings
from ocr.settings import OcrSettings
from vision.settings import VisionSettings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

HEAD = """# Settings

Every setting is an environment variable, read once when its process starts.
All faults are reported at once, and the process ends with exit code 2.
A variable `NAME_FILE` names a file that holds the value of `NAME`, such as a mounted Secret.
So it is for `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` and
`OTEL_EXPORTER_OTLP_HEADERS`.
This page is written by `make docs` from the Settings classes; do not edit it.
"""

RUN = """
## `make run` and the Makefile

| variable | default | meaning |
| --- | --- | --- |
| `PORT` | `8080` | HTTP port of the gateway that `make run` starts. |
| `NATIVE_PORT` | `9443` | Port of native gRPC of `make mesh`; the public one is `PORT` or 8443. |
| `IMAGEMESH_RUN_DIR` | `.run` | Folder of the demo key, the logs, the database and the results. |
| `PYTHON` | `python3.11` or `python3` | Python that makes the virtual environment. |
| `TORCH_PIP_ARGS` | | pip options for torch alone, such as an index of CPU builds. |
"""

CALLER = """
## `imagemesh ocr` and the other commands of callers

| variable | default | meaning |
| --- | --- | --- |
| `IMAGEMESH_URL` | `http://127.0.0.1:8080` | URL of a gateway; --server is stronger. |
| `IMAGEMESH_API_KEY` | | API key; --key-file and --key are stronger. |
"""

PARTS: dict[str, type[BaseSettings]] = {
    "The gateway (`python -m gateway`)": GatewaySettings,
    "The colorize service (`python -m colorize`)": ColorizeSettings,
    "The ocr service (`python -m ocr`)": OcrSettings,
    "The vision service (`python -m vision`)": VisionSettings,
    "`imagemesh models`": ModelCommandSettings,
}


def settings_page() -> str:
    """Return the page."""
    return HEAD + RUN + "".join(_part(title, cls) for title, cls in PARTS.items()) + CALLER


def _part(title: str, cls: type[BaseSettings]) -> str:
    prefix = cls.model_config.get("env_prefix", "")
    rows = [
        f"| `{field.validation_alias or prefix + name.upper()}` "
        f"| {_default(field)} | {_meaning(field)} |\n"
        for name, field in cls.model_fields.items()
    ]
    return f"\n## {title}\n\n| variable | default | meaning |\n| --- | --- | --- |\n" + "".join(
        rows
    )


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value in (PydanticUndefined, "", ()) or value is None:
        return ""
    return f"`{str(value).replace(str(Path.home()), '~')}`"


def _meaning(field: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = [
        f"{sign} {getattr(rule, name)}"
        for rule in field.metadata
        for name, sign in signs.items()
        if hasattr(rule, name)
    ]
    text = (field.description or "").replace("|", "\\|")
    return f"{text} Range: {', '.join(bounds)}." if bounds else text


if __name__ == "__main__":
    PAGE.write_text(settings_page())
