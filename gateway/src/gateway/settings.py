"""Settings of the gateway, read from variables that begin with GATEWAY_."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from gateway.addresses import Network, parse_networks
from servicekit.settings import ProcessSettings


class GatewaySettings(ProcessSettings):
    """What the gateway can be told."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True)

    port: int = Field(default=8080, ge=0, le=65535, description="HTTP port; 0 takes any free one.")
    public_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",  # empty, or an absolute URL
        description="Base of the URLs of hosted results, such as https://images.example.org; "
        "empty takes the address that the caller used.",
    )
    database_url: str = Field(
        default="sqlite+aiosqlite:///imagemesh.db",
        description="SQLAlchemy URL of the database of keys and results.",
    )
    results_dir: Path = Field(
        default=Path("results"), description="Folder of the hosted coloured pictures."
    )
    result_days: float = Field(
        default=30, gt=0, le=3650, description="How long a coloured picture is hosted, in days."
    )
    colorize_address: str = Field(
        default="127.0.0.1:50051", description="host:port of the colorize service."
    )
    ocr_address: str = Field(default="127.0.0.1:50052", description="host:port of the ocr service.")
    vision_address: str = Field(
        default="127.0.0.1:50053", description="host:port of the vision service."
    )
    request_timeout_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Longest time for one request, fetching included, in seconds.",
    )
    fetch_timeout_s: float = Field(
        default=15.0, gt=0, le=600, description="Longest time to fetch a URL, in seconds."
    )
    fetch_allow: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(),
        description="Private networks whose pictures may be fetched, as comma-separated CIDRs.",
    )
    max_in_flight: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Pictures in the gateway at once, 10 MiB each at most; more get 429.",
    )

    @field_validator("fetch_allow", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return parse_networks(value)
