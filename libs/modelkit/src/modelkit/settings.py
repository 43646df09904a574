"""Settings of services that run models, and of the `imagemesh models` command."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import joblib  # type: ignore[import-untyped]  # it ships no types
from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from modelkit.runtime import Runtime
from servicekit.settings import ServiceSettings

DEFAULT_MODELS_DIR = Path("~/.cache/imagemesh/models")

Folder: TypeAlias = Annotated[Path, AfterValidator(Path.expanduser)]
Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]
Threads: TypeAlias = Annotated[int, AfterValidator(lambda count: count or joblib.cpu_count())]

# One variable for all services and the command: what one pulls, the others must find.
_MODELS_DIR: Path = Field(
    default=DEFAULT_MODELS_DIR,
    validation_alias="IMAGEMESH_MODELS_DIR",
    description="Folder of pulled models; `imagemesh models pull` fills it.",
)


class ModelServiceSettings(ServiceSettings):
    """Settings of a service with models; a service adds its prefix."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description="Device of the models; auto takes a CUDA device where there is one. With cuda "
        "and none, the service is NOT_SERVING.",
    )
    models_dir: Folder = _MODELS_DIR
    profile: Literal["auto", "embedded", "standard", "full"] = Field(
        default="auto",
        description="Which models to use: auto takes the best that are installed, a profile the "
        "best up to it, which must then be installed.",
    )
    max_run_s: float = Field(
        default=120.0,
        gt=0,
        le=3600,
        description="A model that takes longer for one run hangs and is loaded again, in seconds.",
    )
    max_image_pixels: int = Field(
        default=25_000_000,
        ge=1,
        le=1_000_000_000,
        description="Width times height of the largest image that is read.",
    )
    threads: Threads = Field(
        default=0,
        ge=0,
        le=1024,
        description="Processor threads that one model uses; 0 uses all cores that the container "
        "may use.",
    )

    def open_runtime(self) -> Runtime:
        """Return the runtime that computes on the device of these settings."""
        return Runtime(self.device, threads=self.threads)


class TorchServiceSettings(ModelServiceSettings):
    """Settings of a service whose own networks torch computes on a GPU."""

    precision: Precision = Field(
        default="float32",
        description="Numbers that torch computes in on a GPU; a CPU computes in float32.",
    )

    def open_runtime(self) -> Runtime:
        """Return the runtime that computes on the device of these settings."""
        return Runtime(self.device, threads=self.threads, precision=self.precision)


class ModelCommandSettings(BaseSettings):
    """Settings of `imagemesh models`."""

    model_config = SettingsConfigDict(env_prefix="IMAGEMESH_", frozen=True, populate_by_name=True)

    models_dir: Folder = _MODELS_DIR
    models_mirror: str = Field(
        default="",
        description="Folder or base URL in place of every download: MIRROR/<file name>.",
    )
