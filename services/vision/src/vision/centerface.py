"""CenterFace: finds faces as peaks of a heat map, small, turned and shaded ones too."""

from pathlib import Path

import numpy as np

from modelkit.images import RgbImage
from vision.faces import Candidates, Looks
from vision.onnx_network import as_tensor, open_network

_STRIDE_PX = 4  # of the heat map
_EXPORTED_SHAPE = (10, 3, 32, 32)
_HEAT, _SIZES, _OFFSETS = "537", "538", "539"  # as its authors' export named them


class CenterFace:
    """The network with its weights; owned by one thread, always on the CPU.

    Source: Xu et al. 2019, "CenterFace: Joint Face Detection and Alignment Using Face as Point"
    (arXiv:1911.03599), sections 3.2 and 3.3.
    """

    looks = Looks(sides_px=(224, 640, 1280), doubtful=0.2, accepted=0.4, sure=0.5)

    def __init__(self, network: Path, *, threads: int) -> None:
        """Load the ONNX file.

        Args:
            network: The file.
            threads: Processor threads to use.
        """
        self._session = open_network(network, shape=_EXPORTED_SHAPE, threads=threads)

    def look(self, picture: RgbImage) -> Candidates:
        """Return what may be faces, several candidates for each; see `FaceNetwork`."""
        heat, sizes, offsets = (
            output[0]
            for output in self._session.run(
                [_HEAT, _SIZES, _OFFSETS], {"input.1": as_tensor(picture)}
            )
        )
        rows, columns = np.nonzero(heat[0] >= self.looks.doubtful)
        cells = np.stack([columns, rows]) + 0.5
        # The file has heights before widths, and offsets in y before those in x.
        middles = (cells + offsets[::-1, rows, columns]) * _STRIDE_PX
        halves = np.exp(sizes[::-1, rows, columns]) * (_STRIDE_PX / 2)
        corners = np.concatenate([middles - halves, middles + halves]).T
        return Candidates(corners.astype(np.float64), heat[0, rows, columns].astype(np.float64))
