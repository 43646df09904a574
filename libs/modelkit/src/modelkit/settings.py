"""What a service that runs models can be told, and what the `imagemesh models` command can."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import joblib  # type: ignore[import-untyped]  # it ships no types
from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from servicekit.settings import ServiceSettings

DEFAULT_MODELS_DIR = Path("~/.cache/imagemesh/models")

Folder: TypeAlias = Annotated[Path, AfterValidator(Path.expanduser)]
Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]
Threads: TypeAlias = Annotated[int, AfterValidator(lambda told: told or joblib.cpu_count())]

# One variable for all services and the command: what one pulls, the others must find.
_MODELS_DIR: Path = Field(
    default=DEFAULT_MODELS_DIR,
    validation_alias="IMAGEMESH_MODELS_DIR",
    description="Folder of pulled models; `imagemesh models pull` fills it.",
)


class ModelServiceSettings(ServiceSettings):
    """The settings of a service with models; a service adds its prefix."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description="Where models compute; auto takes a CUDA device where there is one.",
    )
    models_dir: Folder = _MODELS_DIR
    profile: Literal["auto", "embedded", "standard", "full"] = Field(
        default="auto",
        description="Which models to use: auto takes the best that are installed, a profile the "
        "best up to it, which must then be installed.",
    )
    max_waiting: int = Field(
        default=64,
        ge=0,
        le=10_000,
        description="Requests in line for one model; more are answered RESOURCE_EXHAUSTED.",
    )
    max_batch: int = Field(
        default=8,  # of the classifier, 3 % more work a picture than 16, and half the wait
        ge=1,
        le=1024,
        description="Most requests that a model answers together; a GPU may gain from more.",
    )
    max_run_s: float = Field(
        default=120.0,
        gt=0,
        le=3600,
        description="A model that takes longer for one batch hangs and is loaded anew, in seconds.",
    )
    decode_threads: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Pictures that are decoded at once, beside the models.",
    )
    max_image_pixels: int = Field(
        default=25_000_000,
        ge=1,
        le=1_000_000_000,
        description="Width times height of the largest picture that is read.",
    )
    threads: Threads = Field(
        default=0,
        ge=0,
        le=1024,
        description="Processor threads that one model uses; 0 uses all cores that the container "
        "may use.",
    )


class TorchServiceSettings(ModelServiceSettings):
    """The settings of a service whose own networks torch computes."""

    precision: Precision = Field(
        default="float32",
        description="Numbers that torch computes in: bfloat16 is for GPUs and for processors with "
        "AVX512-BF16 or AMX, others are slower with it; float16 is for GPUs only.",
    )
    gpu_memory_fraction: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the GPU's memory that torch may take; a batch that needs more is "
        "halved.",
    )


class ModelCommandSettings(BaseSettings):
    """The settings of `imagemesh models`."""

    model_config = SettingsConfigDict(env_prefix="IMAGEMESH_", frozen=True, populate_by_name=True)

    models_dir: Folder = _MODELS_DIR
    models_mirror: str = Field(
        default="",
        description="Folder or base URL that stands in for every download: MIRROR/<file name>.",
    )
