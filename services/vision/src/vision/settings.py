"""Settings of the vision service, read from VISION_* variables."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from modelkit.settings import TorchServiceSettings
from servicekit.settings import MetricsPort, Port


class VisionSettings(TorchServiceSettings):
    """Settings of the vision service."""

    model_config = SettingsConfigDict(env_prefix="VISION_", frozen=True)

    port: Port = 50053
    metrics_port: MetricsPort = 9103
    max_batch: int = Field(
        default=8,
        ge=1,
        le=1024,
        description="Most images that the classifier computes together on a GPU; a CPU takes them "
        "one by one.",
    )
    nudity_threshold: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Least score of a photo that is called nude; lower finds more and errs more.",
    )
