"""Who may ask: the checks that come before anything of a request is read."""

from starlette.requests import Request

from gateway.accounts.keys import ApiKey
from gateway.accounts.scopes import endpoint_name
from gateway.mesh import Mesh
from gateway.problems import Problem


async def admit(mesh: Mesh, request: Request, *, scope: str | None = None) -> ApiKey:
    """Return the request's key when it is good, may ask at `scope`, and is not used too often.

    Raises:
        Problem: 401, 403, 429 or 503.
    """
    key = await mesh.keys.check(request.headers.get("x-api-key"))
    request.state.account, request.state.key_id = key.account, key.id  # for the log line
    if scope is not None:
        check_endpoint(mesh, key, scope)
    # The edge puts these on the answer, whatever it will be.
    request.state.answer_headers = await mesh.rates.check(key)
    return key


def check_endpoint(mesh: Mesh, key: ApiKey, path: str) -> None:
    """Let pass who may ask at this endpoint.

    Raises:
        Problem: 403, it is switched off, or the key is limited to others.
    """
    check_is_on(mesh, path)
    key.check_scope(path)


def check_is_on(mesh: Mesh, path: str) -> None:
    """Let pass where this endpoint is not switched off.

    Raises:
        Problem: 403.
    """
    if endpoint_name(path) in mesh.settings.endpoints_off:
        message = f"whoever runs this mesh has switched {endpoint_name(path)} off"
        raise Problem(403, "endpoint_off", message)
