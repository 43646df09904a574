"""Who may ask: the checks that come before anything of a request is read."""

from starlette.requests import Request

from gateway.accounts.keys import ApiKey
from gateway.mesh import Mesh


async def admit(mesh: Mesh, request: Request, *, scope: str | None = None) -> ApiKey:
    """Return the request's key when it is good, has the scope, and is not used too often.

    Raises:
        Problem: 401, 403, 429 or 503.
    """
    key = await mesh.keys.check(request.headers.get("x-api-key"))
    if scope is not None:
        key.check_scope(scope)
    # The edge puts these on the answer, whatever it will be.
    request.state.answer_headers = await mesh.rates.check(key)
    return key
