"""Authentication of a request, whatever it asks for."""

from starlette.requests import Request

from gateway.accounts.keys import ApiKey, KeyStore
from gateway.input.credentials import sent_key
from servicekit.turns import CALLER


async def authenticate(request: Request, keys: KeyStore) -> ApiKey:
    """Return the key of a request; from then on its log line and its turns are the account's.

    Raises:
        Problem: 401, the key is missing or wrong; 503, it cannot be checked.
    """
    key = await keys.check(sent_key(request.headers))
    request.state.account, request.state.key_id = key.account, key.id  # for the log line
    CALLER.set(key.account)
    return key
