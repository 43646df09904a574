"""Admission of a request, whatever it asks for: authentication, authorization and rate limits."""

from collections.abc import Collection

from attrs import define
from starlette.requests import Request

from gateway.accounts.keys import ApiKey, KeyStore, authorize
from gateway.accounts.rates import RateLimits
from gateway.input.credentials import sent_key
from servicekit.turns import CALLER


@define(eq=False)
class Admission:
    """Admits requests."""

    _keys: KeyStore
    _rates: RateLimits
    _off: Collection[str]  # names of the endpoints that are switched off

    async def admit(
        self, request: Request, *, endpoint: str | None = None, scope: str | None = None
    ) -> ApiKey:
        """Return the key of a request; from then on its log line and its turns are the account's.

        Args:
            request: which is counted.
            endpoint: that it asks; None where its items are authorized one by one.
            scope: that the key needs besides.

        Raises:
            Problem: 401, the key is missing or wrong; 403; 429; 503, it cannot be checked.
        """
        key = await self._keys.check(sent_key(request.headers))
        request.state.account, request.state.key_id = key.account, key.id
        CALLER.set(key.account)
        if endpoint is not None:
            self.authorize(key, endpoint)
        if scope is not None:
            key.check_scope(scope)
        # The edge puts these on the answer, whatever it will be.
        request.state.answer_headers = await self.count(key)
        return key

    def authorize(self, key: ApiKey, endpoint: str) -> None:
        """Raise a Problem, 403, where the key may not ask the endpoint, or it is switched off."""
        authorize(key, endpoint, off=self._off)

    async def count(self, key: ApiKey) -> dict[str, str]:
        """Count a request and return the headers that tell its caller what is left.

        Raises:
            Problem: 429; 503, the counters are away.
        """
        return await self._rates.check(key)
