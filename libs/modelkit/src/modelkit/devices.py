"""Where a torch model computes; only services that use torch import this module."""

import torch

from servicekit.errors import NotInstalled


def pick_device(setting: str) -> str:
    """Return "cpu" or "cuda" for the setting "auto", "cpu" or "cuda".

    Raises:
        NotInstalled: CUDA is asked for and this machine has no CUDA device.
    """
    has_cuda = torch.cuda.is_available()
    if setting == "cuda" and not has_cuda:
        raise NotInstalled("device is cuda but no CUDA device is here; set device to auto or cpu")
    if setting == "auto":
        return "cuda" if has_cuda else "cpu"
    return setting
