"""The admin service: what `imagemesh keys` and `imagemesh accounts` do, on the same stores."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final, TypeVar

import grpc

from gateway.accounts.accounts import MAX_CREDITS, AccountStore, check_account_name, check_amount
from gateway.accounts.key_format import is_key_id, key_id
from gateway.accounts.keys import GRACE, KeyStore, check_policy, lifetime
from gateway.accounts.usage import UsageBook
from gateway.admin import messages
from gateway.admin.edge import AdminEdge
from gateway.settings import GatewaySettings
from imagemesh.admin.v1 import admin_service_pb2 as pb
from imagemesh.admin.v1 import admin_service_pb2_grpc as rpc
from servicekit.errors import AlreadyExists, InvalidRequest, NotFound
from servicekit.server import Service, serving
from servicekit.settings import ServiceSettings

NAME: Final = "imagemesh.admin.v1.AdminService"

PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1000

_DRAIN_S = 5.0  # an RPC takes milliseconds, and the HTTP requests have had their time before
_DEADLINE_S = 30.0  # as long as a statement of the database may take
_MAX_RPCS = 16  # more would only wait for the few connections to the database

T = TypeVar("T")

# The messages differ from method to method and the context is not used, hence Any.
_Context = grpc.aio.ServicerContext[Any, Any]


@asynccontextmanager
async def serving_admin(
    settings: GatewaySettings, *, keys: KeyStore, accounts: AccountStore, usage: UsageBook
) -> AsyncIterator[None]:
    """Serve the admin port while the context is open, where the settings switch it on."""
    if settings.admin_port == 0:
        yield
        return
    servicer = _AdminServicer(keys=keys, accounts=accounts, usage=usage)
    service = Service(
        NAME,
        partial(rpc.add_AdminServiceServicer_to_server, servicer),
        load=_load_nothing,
        close=lambda: None,
        interceptors=(AdminEdge(settings.admin_token),),
        default_deadline_s=_DEADLINE_S,
    )
    async with serving(service, _service_settings(settings)):
        yield


def _service_settings(settings: GatewaySettings) -> ServiceSettings:
    """Return the settings of the port, each named: what has none would read the environment."""
    return ServiceSettings(
        host=settings.admin_host,
        port=settings.admin_port,
        metrics_port=0,
        health_port=0,
        tls_dir=None,
        log_level=settings.log_level,
        log_format=settings.log_format,
        drain_s=min(settings.drain_s, _DRAIN_S),
        max_concurrent_rpcs=_MAX_RPCS,
    )


async def _load_nothing() -> None:
    """The stores are open."""


class _AdminServicer(rpc.AdminServiceServicer):
    """Checks what the commands' arguments check, with the same functions, and asks the stores."""

    def __init__(self, *, keys: KeyStore, accounts: AccountStore, usage: UsageBook) -> None:
        self._keys = keys
        self._accounts = accounts
        self._usage = usage

    async def CreateKey(  # noqa: N802 - the name of the RPC
        self, request: pb.CreateKeyRequest, _: _Context
    ) -> pb.CreateKeyResponse:
        with _refusing("account"):
            check_account_name(request.account)
        with _refusing("days"):
            expires_in = lifetime(request.days) if request.HasField("days") else None
        with _refusing("policy"):
            if request.policy:
                check_policy(request.policy)
        with _refusing("scopes"):
            key = await self._keys.create(
                request.account,
                expires_in=expires_in,
                scopes=[*request.scopes] or None,
                policy=request.policy or None,
            )
        return pb.CreateKeyResponse(id=key_id(key) or "", key=key)

    async def ListKeys(  # noqa: N802 - as above
        self, request: pb.ListKeysRequest, _: _Context
    ) -> pb.ListKeysResponse:
        size = _page_size(request.page_size)
        with _refusing("page_token"):
            after = _checked_id(request.page_token) if request.page_token else None
            found = await self._keys.list_keys(after=after, limit=size + 1)
        page, token = _page(found, size, name=lambda key: key.id)
        return pb.ListKeysResponse(keys=map(messages.key, page), next_page_token=token)

    async def RevokeKey(  # noqa: N802 - as above
        self, request: pb.RevokeKeyRequest, _: _Context
    ) -> pb.RevokeKeyResponse:
        with _refusing("id"):
            name = _checked_id(request.id)
        if not await self._keys.revoke(name):
            raise _no_key(name)
        return pb.RevokeKeyResponse()

    async def RotateKey(  # noqa: N802 - as above
        self, request: pb.RotateKeyRequest, _: _Context
    ) -> pb.RotateKeyResponse:
        with _refusing("id"):
            name = _checked_id(request.id)
        with _refusing("grace_days"):
            grace = lifetime(request.grace_days) if request.HasField("grace_days") else GRACE
        key = await self._keys.rotate(name, grace=grace)
        if key is None:
            raise _no_key(name)
        return pb.RotateKeyResponse(id=key_id(key) or "", key=key)

    async def CreateAccount(  # noqa: N802 - as above
        self, request: pb.CreateAccountRequest, _: _Context
    ) -> pb.CreateAccountResponse:
        with _refusing("name"):
            check_account_name(request.name)
        if not await self._accounts.create(request.name):
            raise AlreadyExists(f"there is an account {request.name} already")
        return pb.CreateAccountResponse()

    async def ListAccounts(  # noqa: N802 - as above
        self, request: pb.ListAccountsRequest, _: _Context
    ) -> pb.ListAccountsResponse:
        size = _page_size(request.page_size)
        with _refusing("page_token"):
            if request.page_token:
                check_account_name(request.page_token)
        after = request.page_token or None
        found = await self._accounts.list_accounts(after=after, limit=size + 1)
        page, token = _page(found, size, name=lambda account: account.name)
        return pb.ListAccountsResponse(accounts=map(messages.account, page), next_page_token=token)

    async def CreditAccount(  # noqa: N802 - as above
        self, request: pb.CreditAccountRequest, _: _Context
    ) -> pb.CreditAccountResponse:
        with _refusing("amount"):
            check_amount(request.amount)
        await self._check_account(request.name)
        balance = await self._accounts.credit(request.name, request.amount)
        if balance is None:
            raise InvalidRequest(
                f"amount: the balance must stay between 0 and {MAX_CREDITS}; nothing was changed"
            )
        return pb.CreditAccountResponse(balance=balance)

    async def GetUsage(  # noqa: N802 - as above
        self, request: pb.GetUsageRequest, _: _Context
    ) -> pb.GetUsageResponse:
        await self._check_account(request.name)
        return messages.usage(await self._usage.report(request.name))

    async def _check_account(self, name: str) -> None:
        with _refusing("name"):
            check_account_name(name)
        if not await self._accounts.exists(name):
            raise NotFound(f"there is no account {name}; ListAccounts shows all")


@contextmanager
def _refusing(field: str) -> Iterator[None]:
    """Make what a check says of a field the answer of the RPC."""
    try:
        yield
    except ValueError as error:
        raise InvalidRequest(f"{field}: {error}") from error


def _checked_id(text: str) -> str:
    if not is_key_id(text):
        raise ValueError("expected the 8 letters and digits behind im_live_ in a key")
    return text


def _no_key(name: str) -> NotFound:
    return NotFound(f"there is no live key with the id {name}; ListKeys shows all")


def _page_size(asked: int) -> int:
    if not 0 <= asked <= MAX_PAGE_SIZE:
        raise InvalidRequest(f"page_size: {asked} is not between 0 and {MAX_PAGE_SIZE}")
    return asked or PAGE_SIZE


def _page(found: list[T], size: int, *, name: Callable[[T], str]) -> tuple[list[T], str]:
    """Return the first `size` of what was found, and the token of the page after them."""
    page = found[:size]
    return page, name(page[-1]) if len(found) > size else ""
