"""Authorization of an RPC without the REST API: by an API key, or by a certificate."""

from dataclasses import dataclass
from typing import Final

from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import ApiKey, KeyStore, authorize
from gateway.accounts.rates import RateLimits
from gateway.backends import COLORIZE, OCR, VISION
from gateway.endpoint_table import HANDLERS
from gateway.problems import Problem
from gateway.settings import GatewaySettings

# The endpoint whose scope an RPC needs; None where a good key is enough. A test holds it complete.
ENDPOINT_OF_RPC: Final[dict[str, str | None]] = {
    **{rpc: name for name, handler in HANDLERS.items() for rpc in handler.rpcs},
    **{f"/{service}/ListModels": None for service in (COLORIZE, OCR, VISION)},
    f"/{OCR}/ListLanguages": None,
}


@dataclass(frozen=True, slots=True)
class Question:
    """Description of an RPC by Envoy.

    Attributes:
        path: of the RPC, such as "/imagemesh.vision.v1.VisionService/Classify".
        api_key: that the caller sent; empty for none.
        client_id: URI of the certificate that Envoy has verified; empty for none.
    """

    path: str
    api_key: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """The caller of an RPC that may go on, and the fields that tell what its rate limits leave."""

    caller: str
    headers: dict[str, str]


class Authorizer:
    """Decides on RPCs.

    Args:
        settings: which endpoints are off, and which certificates may call.
        keys: authenticate callers.
        rates: count their RPCs.
        accounts: know which of them are metered.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        keys: KeyStore,
        rates: RateLimits,
        accounts: AccountStore,
    ) -> None:
        self._off = settings.endpoints_off
        self._clients = settings.authz_clients
        self._keys = keys
        self._rates = rates
        self._accounts = accounts

    async def decide(self, question: Question) -> Admitted:
        """Return the caller, where it may make the RPC.

        A certificate stands for an internal caller, which has all endpoints and no rate limit; a
        key that is sent beside it must be good all the same.

        Raises:
            Problem: 401, 403, 404, 429 or 503.
        """
        if not question.api_key and not question.client_id:
            message = (
                "send an API key in the metadata x-api-key or as authorization: Bearer, "
                "or call with a client certificate"
            )
            raise Problem(401, "missing_api_key", message)
        if question.path not in ENDPOINT_OF_RPC:
            raise Problem(404, "not_found", "there is no such RPC")
        key = await self._authenticate(question)
        endpoint = ENDPOINT_OF_RPC[question.path]
        if endpoint is not None:
            authorize(key, endpoint, off=self._off)
        if key is None:
            return Admitted(question.client_id, {})
        # Envoy cannot say how an RPC ended, so none could be refunded.
        if await self._accounts.is_metered(key.account):
            message = "this account pays with credits, which only the REST API charges; ask there"
            raise Problem(403, "metered_account", message)
        return Admitted(key.account, await self._rates.check(key))

    async def _authenticate(self, question: Question) -> ApiKey | None:
        """Return the key of a caller, None for a certificate that may call."""
        if question.api_key:
            return await self._keys.check(question.api_key)
        # Whoever signs certificates of callers also signs those of servers. An X.509-SVID has one
        # URI; Envoy puts a comma between several.
        is_known = bool(self._clients) and question.client_id.startswith(self._clients)
        if not is_known or "," in question.client_id:
            message = (
                "the SPIFFE id of the certificate may not call; use one that may, or send a key"
            )
            raise Problem(403, "unknown_client", message)
        return None
