"""Settings of a caller's commands, from the environment."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_URL = "http://127.0.0.1:8080"


class ClientSettings(BaseSettings):
    """The settings of `imagemesh ocr` and the other commands that ask a server."""

    model_config = SettingsConfigDict(env_prefix="IMAGEMESH_", frozen=True)

    url: str = Field(
        default=DEFAULT_URL,
        description="Server that is asked: http:// or https:// of a gateway; --server is stronger.",
    )
    api_key: SecretStr = Field(
        default=SecretStr(""), description="API key; --key-file and --key are stronger."
    )
