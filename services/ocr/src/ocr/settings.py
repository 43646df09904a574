"""Settings of the OCR service, read from OCR_* variables."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from modelkit.settings import ModelServiceSettings
from servicekit.settings import MetricsPort, Port


class OcrSettings(ModelServiceSettings):
    """Settings of the OCR service."""

    model_config = SettingsConfigDict(env_prefix="OCR_", frozen=True)

    port: Port = 50052
    metrics_port: MetricsPort = 9102
    max_image_pixels: int = Field(
        default=36_000_000,  # a screenshot of 1080 x 30,000 has 32.4 million
        ge=1,
        le=1_000_000_000,
        description="Width times height of the largest image that is read.",
    )
    tessdata_dir: str = Field(
        default="",
        description="Folder of Tesseract's language data; empty looks in the usual places.",
    )
    max_pages: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="Most pages of a document that are read in one request.",
    )
