"""Description of a colorizer in a manifest: its pre-processing."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class ColorizerSpec:
    """Pre-processing of a colorizer, the table `[model.colorizer]` of a manifest.

    Its graph returns ab of CIELAB at the size of its input.

    Attributes:
        size_px: Side of the square that the image is squeezed to.
        takes: "lightness" for L of CIELAB in [0, 100], "grey" for sRGB in [0, 1] without color.
        interpolation: "linear" or "cubic", antialiased as Pillow scales.
    """

    size_px: Annotated[int, Field(gt=0, le=4096)]
    takes: Literal["lightness", "grey"]
    interpolation: Literal["linear", "cubic"] = "linear"
