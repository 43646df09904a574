"""Loader of the colorizer."""

from collections.abc import Sequence

import cv2
import numpy as np

from colorize.model import Colorizer
from colorize.settings import ColorizeSettings
from modelkit.loading import LoadedModel, loaded_model
from modelkit.manifest import ModelEntry, find_model
from modelkit.published import open_installed
from modelkit.runtime import Runtime


def load_colorizer(
    settings: ColorizeSettings, entries: Sequence[ModelEntry], runtime: Runtime
) -> LoadedModel[Colorizer]:
    """Return the colorizer; runs in the model's thread.

    Raises:
        NotInstalled: Its file, or the device that it is to run on, is missing.
    """
    cv2.setNumThreads(settings.threads)
    found = find_model(
        entries, "colorize", models_dir=settings.models_dir, profile=settings.profile
    )
    spec = found.entry.colorizer
    if spec is None:
        network = runtime.open(
            found.path, torch_network="colorize.network:ChromaNetwork", sizes_vary=True
        )
    else:
        network = open_installed(runtime, found, keeps_memory=False)
    colorizer = Colorizer(network, spec)
    colorizer.colorize(np.zeros((64, 64, 3), np.uint8))  # a GPU gets its kernels now
    return loaded_model(colorizer, found, network)
