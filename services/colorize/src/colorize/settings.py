"""Settings of the colorize service, read from COLORIZE_* variables."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from modelkit.settings import TorchServiceSettings


class ColorizeSettings(TorchServiceSettings):
    """Settings of the colorize service."""

    model_config = SettingsConfigDict(env_prefix="COLORIZE_", frozen=True)

    port: int = Field(default=50051, ge=0, le=65535, description="gRPC port; 0 takes any free one.")
    metrics_port: int = Field(
        default=9101,
        ge=0,
        le=65535,
        description="Port of the Prometheus metrics; 0 serves none.",
    )
