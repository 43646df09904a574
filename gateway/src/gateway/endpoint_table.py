"""Table of the endpoint handlers: every module of `gateway.endpoints` has one."""

from collections.abc import Mapping
from typing import Final

from contract.table import ENDPOINTS, modules_of
from gateway import endpoints
from gateway.endpoint_handler import EndpointHandler

_BY_NAME: Final[dict[str, EndpointHandler]] = {
    module.HANDLER.endpoint.name: module.HANDLER for module in modules_of(endpoints)
}

# In the order of the contract.
HANDLERS: Final[Mapping[str, EndpointHandler]] = {
    endpoint.name: _BY_NAME[endpoint.name] for endpoint in ENDPOINTS
}
