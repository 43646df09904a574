"""Model of the service for `imagemesh doctor`."""

from functools import partial

from colorize.loading import load_colorizer
from colorize.model import Colorizer
from colorize.settings import ColorizeSettings
from modelkit.doctor import Check
from modelkit.manifest import load_manifest
from servicekit.settings import load_settings


def checks() -> list[Check]:
    """Return the model of the service with a function that runs it."""
    settings = load_settings(ColorizeSettings)
    load = partial(load_colorizer, settings, load_manifest("colorize"), settings.open_runtime())
    return [Check("colorize", load, {"colorize": Colorizer.colorize})]
