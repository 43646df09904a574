"""Table of the endpoints: every module of `contract.endpoints` has one."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Final

from contract import endpoints
from contract.endpoint import Endpoint


def modules_of(package: ModuleType) -> list[ModuleType]:
    """Return the modules of a package, by name."""
    names = sorted(module.name for module in iter_modules(package.__path__))
    return [import_module(f"{package.__name__}.{name}") for name in names]


ENDPOINTS: Final[tuple[Endpoint, ...]] = tuple(
    sorted(
        (module.ENDPOINT for module in modules_of(endpoints)),
        key=lambda endpoint: endpoint.position,
    )
)
ENDPOINT_NAMES: Final = tuple(endpoint.name for endpoint in ENDPOINTS)
