"""Settings of a process: read once from the environment, validated, frozen."""

import os
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

# In the folder of certificates, as Secrets of Kubernetes name them.
CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
AUTHORITY: Final = "ca.crt"

SettingsT = TypeVar("SettingsT", bound=BaseSettings)

_Port: TypeAlias = Annotated[int, Field(ge=0, le=65535)]
Port: TypeAlias = Annotated[_Port, Field(description="gRPC port; 0 takes any free one.")]
MetricsPort: TypeAlias = Annotated[
    _Port, Field(description="Port of the Prometheus metrics; 0 serves none.")
]


class ProcessSettings(BaseSettings):
    """Settings of every process of the mesh."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True)

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; 0.0.0.0 in a container.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto is text on a terminal, else JSON."
    )
    drain_s: float = Field(
        default=20.0,
        ge=0,
        le=600,
        description="Longest wait for requests in flight after SIGTERM, in seconds.",
    )
    otlp_endpoint: str = Field(
        default="",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        pattern=r"^(https?://\S+)?$",  # empty, or an absolute URL
        description="URL of the collector of traces, over gRPC, such as "
        "http://otel-collector:4317; empty makes none. The other OTEL_ variables count then too.",
    )
    tls_dir: Path | None = Field(
        default=None,
        validation_alias="IMAGEMESH_TLS_DIR",
        description="Folder with tls.crt, tls.key and ca.crt of the mesh: services then take RPCs "
        "only over TLS from callers with a certificate of ca.crt, and the gateway shows its own. "
        "Services take renewed files at once, the gateway when it restarts. Empty: no TLS.",
    )

    @field_validator("tls_dir", mode="before")
    @classmethod
    def _check_tls(cls, value: object) -> object:
        if not value:
            return None
        for name in (CERTIFICATE, KEY, AUTHORITY):
            if not (Path(str(value)) / name).is_file():
                raise ValueError(f"has no {name}")
        return value


class ServiceSettings(ProcessSettings):
    """Settings of every gRPC service; a service adds its own and its prefix."""

    port: Port
    metrics_port: MetricsPort
    health_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port of gRPC health without TLS, for probes that know none; 0 serves none.",
    )
    max_concurrent_rpcs: int = Field(
        default=96,  # 96 images of 10 MiB are 960 MiB
        ge=1,
        le=100_000,
        description="Requests in the process at once, two thirds of them for one caller alone; "
        "more are answered RESOURCE_EXHAUSTED.",
    )


# Secrets of libraries, which read their variables themselves.
_LIBRARY_SECRETS: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "OTEL_EXPORTER_OTLP_HEADERS",
)


def load_settings(cls: type[SettingsT]) -> SettingsT:
    """Read `cls` from the environment; on faults write all of them to stderr and exit with 2.

    A variable NAME_FILE names a file that holds the value of NAME, such as a mounted Secret.
    """
    faults = list(_read_files(cls, os.environ))  # noqa: TID251 - as its message says
    try:
        settings = cls()
    except ValidationError as error:
        faults.extend(_told(cls, fault) for fault in error.errors())
    else:
        if not faults:
            return settings
    sys.stderr.writelines(f"setting {fault}\n" for fault in faults)
    sys.exit(2)


def _read_files(cls: type[BaseSettings], environment: MutableMapping[str, str]) -> Iterator[str]:
    """Set the variables whose values are in files; yield what is wrong with a file."""
    prefix = cls.model_config.get("env_prefix", "")
    names = [
        str(field.validation_alias or prefix + name.upper())
        for name, field in cls.model_fields.items()
    ]
    for name in (*names, *_LIBRARY_SECRETS):
        path = environment.get(f"{name}_FILE")
        if not path:
            continue
        try:
            value = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError):
            yield f"{name}_FILE: cannot be read (got {path!r})"
            continue
        if environment.get(name, "") not in {"", value}:  # a second load finds what the first set
            yield f"{name}_FILE: is set beside {name}; set one of them"
        environment[name] = value


def _told(cls: type[BaseSettings], fault: ErrorDetails) -> str:
    """Return the variable of a fault, its reason, and its value unless that is secret."""
    name = "_".join(str(part) for part in fault["loc"]).upper()
    # A variable without the prefix goes by its own name.
    if fault["loc"] and fault["loc"][0] in cls.model_fields:
        name = cls.model_config.get("env_prefix", "") + name
    got = "" if _is_secret(cls, fault["loc"]) else f" (got {fault['input']!r})"
    return f"{name}: {fault['msg']}{got}"


def _is_secret(cls: type[BaseSettings], place: tuple[int | str, ...]) -> bool:
    """Return whether a fault is of a secret, which must not be logged."""
    field = cls.model_fields.get(str(place[0])) if place else None
    return field is not None and field.annotation is SecretStr
