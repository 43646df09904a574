"""Settings of the gateway, read from variables that begin with GATEWAY_."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from gateway.accounts.rates import MEMORY, parse_rates
from gateway.accounts.scopes import check_names
from gateway.fetching.addresses import Network, parse_networks
from gateway.hosting.sources import parse_sources
from servicekit.settings import ProcessSettings

PRIVATE: Final = 0o077  # umask: the database and the results are for nobody else to read

_MIN_SECRET_CHARACTERS = 32  # 128 bits, written in hex

_TOKEN = re.compile(r"[\x21-\x7e]+")  # what travels in a header as it is

# As browsers write one (RFC 6454, section 6.2): in lower case, without a path or a slash.
_ORIGIN = re.compile(r"\*|https?://[a-z0-9.\[\]:-]+")


def _texts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _parse_names(text: str) -> tuple[str, ...]:
    check_names(names := _texts(text))
    return names


def _parse_prices(text: str) -> dict[str, str]:
    pairs = [entry.partition("=") for entry in _texts(text)]
    prices = {name.strip(): price.strip() for name, _, price in pairs}
    check_names(prices)
    return prices


def _parse_origins(text: str) -> tuple[str, ...]:
    for origin in (origins := _texts(text)):
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin, such as https://app.example.org")
    return origins


def _parsed_by(parse: Callable[[str], object]) -> BeforeValidator:
    """Return what parses the text of a variable, and leaves other values as they are."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


_Price = Annotated[int, Field(ge=0, le=1_000_000)]
_Prices = Annotated[dict[str, _Price], NoDecode, _parsed_by(_parse_prices)]
_Names = Annotated[tuple[str, ...], NoDecode, _parsed_by(_parse_names)]
_Origins = Annotated[tuple[str, ...], NoDecode, _parsed_by(_parse_origins)]
_Hosts = Annotated[tuple[str, ...], NoDecode, _parsed_by(lambda text: _texts(text.lower()))]
_Networks = Annotated[tuple[Network, ...], NoDecode, _parsed_by(parse_networks)]
_Sources = Annotated[dict[str, tuple[str, ...]], NoDecode, _parsed_by(parse_sources)]


class GatewaySettings(ProcessSettings):
    """Settings of the gateway."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True)

    port: int = Field(default=8080, ge=0, le=65535, description="HTTP port; 0 takes any free one.")
    public_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",  # empty, or an absolute URL
        description="Base of the URLs of hosted results, such as https://images.example.org; "
        "empty takes the address that the caller used.",
    )
    allowed_hosts: _Hosts = Field(
        default=(),
        description="Host names besides localhost, such as images.example.org, that callers may "
        "use and URLs of hosted results then begin with; under another name they begin with the "
        "address of the gateway's socket. Not used with a public URL.",
    )
    cors_origins: _Origins = Field(
        default=(),
        description="Origins whose pages may ask from a browser (CORS), such as "
        "https://app.example.org,http://localhost:3000; empty lets none. * lets every page ask "
        "that holds a key, with a warning at the start.",
    )
    database_url: str = Field(
        default="sqlite+aiosqlite:///imagemesh.db",
        pattern=r"^(sqlite\+aiosqlite|postgresql\+asyncpg)://",
        description="SQLAlchemy URL of the database of keys, credits and results; "
        "postgresql+asyncpg://... where several gateways share one.",
    )
    key_cache_s: float = Field(
        default=5.0,
        ge=0,
        le=30,
        description="How long a key that was checked is believed to be good, in seconds; "
        "a revoked key may live on for that time.",
    )
    prices: _Prices = Field(
        default={},
        description="Credits for a request, such as colorize=2,ocr=1; 1 where none is named. "
        "Only accounts with a balance pay.",
    )
    rate_limit: str = Field(
        default="300/second",
        description="Most requests of each API key, such as 60/minute or 5/second;1000/day; "
        "empty sets no limit. The default stops a loop that runs away.",
    )
    account_rate_limit: str = Field(
        default="", description="Most requests of all keys of an account together, as above."
    )
    rate_url: str = Field(
        default=MEMORY,
        pattern=r"^(memory://|rediss?://\S+)$",
        description="Where rate limits are counted: memory:// in each gateway for itself, "
        "redis://host:port/0 for all of them together.",
    )
    results_dir: Path = Field(
        default=Path("results"), description="Folder of the hosted colored images."
    )
    results_url: str = Field(
        default="",
        pattern=r"^(s3://\S+)?$",  # empty, or a bucket with an optional prefix
        description="Bucket of the colored images instead of the folder, such as "
        "s3://bucket/results; keys, region and endpoint come from the usual AWS_ variables.",
    )
    endpoints_off: _Names = Field(
        default=(),
        description="Endpoints that are switched off, such as emotions,nudity; they answer 403.",
    )
    zero_retention: bool = Field(
        default=False,
        description="Keep nothing of a request: colored images are answered in a data: URI, "
        "and neither jobs nor Idempotency-Keys are taken.",
    )
    result_days: float = Field(
        default=30, gt=0, le=3650, description="How long a colored image is hosted, in days."
    )
    account_storage_mib: int = Field(
        default=1024,
        ge=1,
        le=2**30,
        description="What one account may keep: results, and answers of jobs and by "
        "Idempotency-Key, in MiB; more gets 507.",
    )
    min_free_mib: int = Field(
        default=256,
        ge=0,
        le=2**30,
        description="Free space of the disks of the database and of the results, in MiB; with "
        "less nothing more is kept, which gets 507, and /readyz tells.",
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
    fetch_allow: _Networks = Field(
        default=(),
        description="Private networks whose images may be fetched, as comma-separated CIDRs.",
    )
    max_connections: int = Field(
        default=2048,
        ge=1,
        le=1_000_000,
        description="HTTP connections that are open at once; more get 503. Fewer where the "
        "process may not open so many descriptors (ulimit -n).",
    )
    max_connections_per_address: int = Field(
        default=512,
        ge=1,
        le=1_000_000,
        description="Of these, those of one address. A reverse proxy is one address.",
    )
    max_in_flight: int = Field(
        default=96,
        ge=1,
        le=10_000,
        description="Images in the gateway at once, 10 MiB each at most; more get 429. "
        "An account alone gets two thirds of these places; the rest is for the others.",
    )
    body_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Longest time for the body of a request to arrive, in seconds.",
    )
    upload_memory_mib: int = Field(
        default=256,
        ge=24,
        le=65_536,
        description="Memory for uploads that arrive, in MiB; more get 429. An account "
        "alone gets two thirds.",
    )
    nats_url: str = Field(
        default="nats://127.0.0.1:4222",
        pattern=r"^((nats|tls)://[^\s,]+(,(nats|tls)://[^\s,]+)*)?$",  # empty, or URLs
        description="NATS servers of the queue of jobs, such as nats://user:password@host:4222, "
        "with commas between several; empty switches asynchronous jobs off.",
    )
    nats_prefix: str = Field(
        default="imagemesh",
        pattern=r"^[A-Za-z0-9_]{1,32}$",
        description="Name of the stream of jobs; meshes that share NATS need one each.",
    )
    nats_replicas: int = Field(
        default=1, ge=1, le=5, description="NATS servers that hold each message of the queue."
    )
    job_ack_wait_s: float = Field(
        default=30.0,
        ge=0.5,
        le=3600,
        description="A job whose worker is silent for so long goes to another one, in seconds.",
    )
    job_retry_s: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="Wait after the first attempt at a job that failed, in seconds; each of the "
        "three further waits is four times as long.",
    )
    job_worker: bool = Field(
        default=True,
        description="Work on jobs in this process; false leaves them to processes of "
        "`python -m gateway worker`.",
    )
    max_jobs: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Asynchronous jobs queued or running, of all accounts; more get 429.",
    )
    max_jobs_per_account: int = Field(
        default=1000, ge=1, le=1_000_000, description="Of these, those of one account."
    )
    max_running_jobs: int = Field(
        default=8,
        ge=1,
        le=10_000,
        description="Asynchronous jobs that one worker works on at once; each takes places as a "
        "request does.",
    )
    bulk_sources: _Sources = Field(
        default={},
        description="Folders that bulk jobs may read, by account, such as "
        "ada=s3://bucket/ada/,*=s3://public/images/ with * for all accounts; file:///FOLDER names "
        "one of the workers. Keys, region and endpoint come from the usual AWS_ variables.",
    )
    job_hours: float = Field(
        default=24,
        gt=0,
        le=8760,
        description="How long an asynchronous job and its answer are kept, in hours; a bulk job "
        "from its last progress on.",
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="What the secrets that sign webhooks are made of, 32 characters at least; "
        "empty switches webhooks off.",
    )
    webhook_allow: _Networks = Field(
        default=(),
        description="Private networks that webhooks may be sent to, as comma-separated CIDRs.",
    )
    webhook_retry_s: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="Wait after the first delivery of a webhook that failed, in seconds; "
        "each of the four further waits is four times as long.",
    )

    admin_host: str = Field(
        default="127.0.0.1",
        description="Address of the admin port; never one that the public reaches.",
    )
    admin_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="gRPC port of keys and accounts, for whoever runs the gateway; 0 serves none.",
    )
    admin_token: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        description="What callers of the admin port prove themselves with, 32 characters at "
        "least, such as those of `openssl rand -hex 32`; needed where there is an admin port.",
    )

    authz_host: str = Field(
        default="127.0.0.1",
        description="Address of the port for Envoy's ext_authz; never one that the public reaches.",
    )
    authz_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="HTTP port on which Envoy asks who may make an RPC; 0 serves none.",
    )
    authz_clients: str = Field(
        default="spiffe://imagemesh/callers/",
        pattern=r"^(spiffe://\S+/)?$",  # empty, or a path that ends: no id that is merely longer
        description="What the SPIFFE id of a certificate begins with that may make RPCs without "
        "a key; empty lets none in.",
    )

    @field_validator("webhook_secret")
    @classmethod
    def _check_secret(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < _MIN_SECRET_CHARACTERS:
            raise ValueError(f"must have {_MIN_SECRET_CHARACTERS} characters at least, or none")
        return value

    @field_validator("admin_port", "authz_port")
    @classmethod
    def _check_other_port(cls, value: int, info: ValidationInfo) -> int:
        if 0 < value == info.data.get("port"):
            raise ValueError("is the public port; choose another")
        return value

    @field_validator("admin_token")
    @classmethod
    def _check_admin_token(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        token = value.get_secret_value()
        is_off = info.data.get("admin_port") == 0
        if is_off and not token:
            return value
        if len(token) < _MIN_SECRET_CHARACTERS:
            least = f"must have {_MIN_SECRET_CHARACTERS} characters at least"
            raise ValueError(f"{least}, or none" if is_off else f"{least} for the admin port")
        if not _TOKEN.fullmatch(token):
            raise ValueError("must be visible ASCII characters, without spaces and line breaks")
        return value

    @field_validator("rate_limit", "account_rate_limit")
    @classmethod
    def _check_rates(cls, value: str) -> str:
        parse_rates(value)
        return value
