"""YuNet: a very small network that finds faces on three grids."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage
from vision.faces import Candidates, Looks
from vision.onnx_network import as_tensor, open_network

_STRIDES_PX = (8, 16, 32)
_KINDS = ("cls", "obj", "bbox")
_EXPORTED_SHAPE = (1, 3, 640, 640)


class Yunet:
    """The network with its weights; owned by one thread, always on the CPU.

    Source: Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector"; how its numbers are
    read: FaceDetectorYN of OpenCV 4.14, whose scores these are within 1e-6.
    """

    looks = Looks(sides_px=(320, 640, 1280), doubtful=0.3, accepted=0.7, sure=0.8)

    def __init__(self, network: Path, *, threads: int) -> None:
        """Load the ONNX file.

        Args:
            network: The file.
            threads: Processor threads to use.
        """
        self._session = open_network(network, shape=_EXPORTED_SHAPE, threads=threads)

    def look(self, picture: RgbImage) -> Candidates:
        """Return what may be faces, several candidates for each; see `FaceNetwork`."""
        tensor = as_tensor(picture[:, :, ::-1])  # it was trained with blue first
        names = [f"{kind}_{stride}" for stride in _STRIDES_PX for kind in _KINDS]
        outputs = [output[0] for output in self._session.run(names, {"input": tensor})]
        grids = [
            self._read(outputs[first : first + len(_KINDS)], stride, tensor.shape[3] // stride)
            for first, stride in zip(range(0, len(names), len(_KINDS)), _STRIDES_PX, strict=True)
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
