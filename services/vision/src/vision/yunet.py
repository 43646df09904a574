"""YuNet, a very small face detector on three grids."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage
from modelkit.runtime import Runtime
from vision.faces import Candidates, Looks
from vision.onnx_network import as_tensor, open_free

_STRIDES_PX = (8, 16, 32)
_KINDS = ("cls", "obj", "bbox")
_OUTPUTS = [f"{kind}_{stride}" for stride in _STRIDES_PX for kind in _KINDS]
_EXPORTED_SHAPE = (1, 3, 640, 640)


class Yunet:
    """Face detector; owned by one thread.

    Source: Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector"; how its numbers are
    read: FaceDetectorYN of OpenCV 4.14, whose scores these are within 1e-6.

    Args:
        graph: The ONNX file.
        runtime: Opens it.
    """

    looks = Looks(sides_px=(320, 640, 1280), doubtful=0.3, accepted=0.7, sure=0.8)

    def __init__(self, graph: Path, runtime: Runtime) -> None:
        self.network = open_free(graph, runtime, shape=_EXPORTED_SHAPE, outputs=_OUTPUTS)

    def look(self, image: RgbImage) -> Candidates:
        """Return candidates, several for each face; see `FaceNetwork`."""
        tensor = as_tensor(image[:, :, ::-1])  # it was trained with blue first
        outputs = [output[0] for output in self.network.run(tensor)]
        grids = [
            self._read(outputs[first : first + len(_KINDS)], stride, tensor.shape[3] // stride)
            for first, stride in zip(range(0, len(outputs), len(_KINDS)), _STRIDES_PX, strict=True)
        ]
        return Candidates(
            np.concatenate([grid.corners for grid in grids]),
            np.concatenate([grid.scores for grid in grids]),
        )

    def _read(
        self, outputs: Sequence[NDArray[np.float32]], stride: int, columns: int
    ) -> Candidates:
        """Read one grid; its cells stand row by row in the first axis of all three arrays."""
        faceness, presence, boxes = outputs
        scores = np.sqrt(faceness[:, 0].clip(0, 1) * presence[:, 0].clip(0, 1))
        cells = np.flatnonzero(scores >= self.looks.doubtful)
        corner = np.stack([cells % columns, cells // columns], axis=1)
        middles = (corner + boxes[cells, :2]) * stride
        halves = np.exp(boxes[cells, 2:4]) * (stride / 2)
        corners = np.concatenate([middles - halves, middles + halves], axis=1)
        return Candidates(corners.astype(np.float64), scores[cells].astype(np.float64))
