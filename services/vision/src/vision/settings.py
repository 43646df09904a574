"""Settings of the vision service, read from VISION_* variables."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from modelkit.settings import TorchServiceSettings


class VisionSettings(TorchServiceSettings):
    """Settings of the vision service."""

    model_config = SettingsConfigDict(env_prefix="VISION_", frozen=True)

    port: int = Field(default=50053, ge=0, le=65535, description="gRPC port; 0 takes any free one.")
    metrics_port: int = Field(
        default=9103,
        ge=0,
        le=65535,
        description="Port of the Prometheus metrics; 0 serves none.",
    )
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
