"""CenterFace, a face detector that finds faces as peaks of a heat map."""

from pathlib import Path

import numpy as np

from modelkit.images import RgbImage
from modelkit.runtime import Runtime
from vision.faces import Candidates, Looks
from vision.onnx_network import as_tensor, open_free

_STRIDE_PX = 4  # of the heat map
_EXPORTED_SHAPE = (10, 3, 32, 32)
_OUTPUTS = ("537", "538", "539")  # heat, sizes and offsets, as its authors' export named them


class CenterFace:
    """Face detector; owned by one thread.

    Source: Xu et al. 2019, "CenterFace: Joint Face Detection and Alignment Using Face as Point"
    (arXiv:1911.03599), sections 3.2 and 3.3.

    Args:
        graph: The ONNX file.
        runtime: Opens it.
    """

    looks = Looks(sides_px=(224, 640, 1280), doubtful=0.2, accepted=0.4, sure=0.5)

    def __init__(self, graph: Path, runtime: Runtime) -> None:
        self.network = open_free(graph, runtime, shape=_EXPORTED_SHAPE, outputs=_OUTPUTS)

    def look(self, image: RgbImage) -> Candidates:
        """Return candidates, several for each face; see `FaceNetwork`."""
        heat, sizes, offsets = (output[0] for output in self.network.run(as_tensor(image)))
        rows, columns = np.nonzero(heat[0] >= self.looks.doubtful)
        cells = np.stack([columns, rows]) + 0.5
        # The file has heights before widths, and offsets in y before those in x.
        middles = (cells + offsets[::-1, rows, columns]) * _STRIDE_PX
        halves = np.exp(sizes[::-1, rows, columns]) * (_STRIDE_PX / 2)
        corners = np.concatenate([middles - halves, middles + halves]).T
        return Candidates(corners.astype(np.float64), heat[0, rows, columns].astype(np.float64))
