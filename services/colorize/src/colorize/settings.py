"""Settings of the colorize service, read from COLORIZE_* variables."""

from pydantic_settings import SettingsConfigDict

from modelkit.settings import TorchServiceSettings
from servicekit.settings import MetricsPort, Port


class ColorizeSettings(TorchServiceSettings):
    """Settings of the colorize service."""

    model_config = SettingsConfigDict(env_prefix="COLORIZE_", frozen=True)

    port: Port = 50051
    metrics_port: MetricsPort = 9101
