"""Settings of a process: read once from the environment, validated, frozen."""

import sys
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
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


def load_settings(cls: type[SettingsT]) -> SettingsT:
    """Read `cls` from the environment; on faults write all of them to stderr and exit with 2."""
    try:
        return cls()
    except ValidationError as error:
        prefix = cls.model_config.get("env_prefix", "")
        for fault in error.errors():
            name = "_".join(str(part) for part in fault["loc"]).upper()
            # A variable without the prefix goes by its own name.
            if fault["loc"] and fault["loc"][0] in cls.model_fields:
                name = prefix + name
            got = "" if _is_secret(cls, fault["loc"]) else f" (got {fault['input']!r})"
            sys.stderr.write(f"setting {name}: {fault['msg']}{got}\n")
        sys.exit(2)


def _is_secret(cls: type[BaseSettings], place: tuple[int | str, ...]) -> bool:
    """Return whether a fault is of a secret, which must not be logged."""
    field = cls.model_fields.get(str(place[0])) if place else None
    return field is not None and field.annotation is SecretStr
