"""Description of a classifier in a manifest: its pre-processing, labels and post-processing."""

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

BYTE_SCALE = 1 / 255
_CHANNELS = MappingProxyType({"rgb": 3, "bgr": 3, "grey": 1})


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class ClassifierSpec:
    """Pre- and post-processing of a classifier, the table `[model.classifier]` of a manifest.

    A value of a channel becomes (value * scale - mean) / std.

    Attributes:
        size_px: Side of the square that the graph takes.
        labels: Of the outputs, in their order; in a manifest also the name of a JSON file beside
            it. Equal labels share an answer.
        fit: "stretch" squeezes the image to a square, "crop" scales its shorter side and takes the
            middle.
        resized_px: Side before the margin is cut; None for `size_px`, that is without a margin.
        interpolation: "linear", "cubic" or "area".
        is_antialiased: Scaled as Pillow does, which averages what it reduces; else as OpenCV.
        channels: "rgb", "bgr" or "grey".
        layout: "nchw" or "nhwc".
        scale: Factor of the bytes.
        mean: One for each channel.
        std: One for each channel.
        activation: "softmax" or "sigmoid" where the graph returns logits, "none" where it returns
            probabilities.
        answers: Names in the answer by label. A label without one is dropped, and the others of
            "softmax" and "none" are scaled to a sum of 1. Empty for all labels as they are.
    """

    size_px: Annotated[int, Field(gt=0, le=4096)]
    labels: Annotated[tuple[str, ...], Field(min_length=2)]
    fit: Literal["stretch", "crop"] = "stretch"
    resized_px: Annotated[int, Field(gt=0, le=4096)] | None = None
    interpolation: Literal["linear", "cubic", "area"] = "linear"
    is_antialiased: bool = False
    channels: Literal["rgb", "bgr", "grey"] = "rgb"
    layout: Literal["nchw", "nhwc"] = "nchw"
    scale: Annotated[float, Field(gt=0)] = BYTE_SCALE
    mean: tuple[float, ...] = (0.0,)
    std: tuple[Annotated[float, Field(gt=0)], ...] = (1.0,)
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    answers: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def columns(self) -> dict[str, list[int]]:
        """Outputs of the graph for each name of the answer."""
        columns: dict[str, list[int]] = {}
        for index, label in enumerate(self.labels):
            name = self.answers.get(label) if self.answers else label
            if name is not None:
                columns.setdefault(name, []).append(index)
        return columns

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of one image in the graph."""
        count = _CHANNELS[self.channels]
        if self.layout == "nchw":
            return count, self.size_px, self.size_px
        return self.size_px, self.size_px, count

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if unknown := sorted(set(self.answers) - set(self.labels)):
            raise ValueError(f"answers has no label {', '.join(unknown)}")
        if self.resized_px is not None and self.resized_px < self.size_px:
            raise ValueError("resized_px is smaller than size_px")
        if {len(self.mean), len(self.std)} - {1, _CHANNELS[self.channels]}:
            raise ValueError("mean and std have one value, or one for each channel")
        return self
