"""The guard between a URL and a socket, which judges every DNS answer and every dialled address."""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp import (
    AddrInfoType,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    hdrs,
)
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.fetching.addresses import Network, is_exempt, is_forbidden
from gateway.problems import Problem

WEB_PORTS = frozenset({80, 443})

Lookup = Callable[[str, int, socket.AddressFamily], Sequence[AddrInfoType]]


class ForbiddenAddressError(OSError):
    """The host is, or has among its addresses, one that must not be reached."""


class ForbiddenPortError(OSError):
    """The port is none of the web's, and the address is not exempt."""


@dataclass(frozen=True, slots=True)
class DialGuard:
    """Judges what is about to be dialled; its errors are `OSError`, the kind a dialler expects."""

    # Networks exempt from the table of forbidden addresses and from the port rule.
    allow: tuple[Network, ...] = ()

    def check(self, host: str, port: int) -> None:
        """Pass when the address may be dialled at this port.

        Raises:
            ForbiddenAddressError: the address is forbidden, or is no address.
            ForbiddenPortError: the port is none of `WEB_PORTS`.
        """
        try:
            address = ip_address(host)
        except ValueError as err:
            raise ForbiddenAddressError from err
        if is_forbidden(address, self.allow):
            raise ForbiddenAddressError
        if port not in WEB_PORTS and not is_exempt(address, self.allow):
            raise ForbiddenPortError

    def open_socket(self, target: AddrInfoType) -> socket.socket:
        """Return a socket for the target, the `socket_factory` of a connector.

        This is the guard that nothing goes round: aiohttp asks no resolver about literals.
        """
        family, kind, protocol, _, (host, port, *_) = target
        self.check(str(host), int(port))
        return socket.socket(family=family, type=kind, proto=protocol)


class GuardedResolver(AbstractResolver):
    """Refuses a name as a whole when any one of its addresses is refused.

    Dialling only the good ones would leave the choice to whoever answers the next lookup.
    """

    def __init__(self, resolver: AbstractResolver, guard: DialGuard) -> None:
        self._resolver = resolver
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name, all of them judged.

        Raises:
            OSError: one is refused, or there is none.
        """
        answers = await self._resolver.resolve(host, port, family)
        if not answers:
            raise OSError("the name has no address")
        for answer in answers:
            self._guard.check(answer["host"], answer["port"])
        return answers

    async def close(self) -> None:
        """Close the resolver inside."""
        await self._resolver.close()


def guarded_session(
    guard: DialGuard,
    resolver: AbstractResolver,
    *,
    limit: int,
    limit_per_host: int,
    headers: Mapping[str, str],
    timeout_s: float | None,
) -> ClientSession:
    """Return a session that dials nothing that the guard has not judged.

    Args:
        guard: judges.
        resolver: looks names up; its answers are judged too.
        limit: connections open at once.
        limit_per_host: connections open at once to one host and port.
        headers: of every request.
        timeout_s: of one request, in seconds; None sets no limit.
    """
    connector = TCPConnector(
        resolver=GuardedResolver(resolver, guard),
        socket_factory=guard.open_socket,
        use_dns_cache=False,  # each connection is judged by the answer that it uses
        force_close=True,  # nothing is left open for a server to answer twice
        limit=limit,
        limit_per_host=limit_per_host,
    )
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        headers={hdrs.USER_AGENT: "imagemesh", **headers},
        timeout=ClientTimeout(total=timeout_s, sock_connect=None),
        auto_decompress=False,
        trust_env=False,
    )


def look_up(host: str, port: int, family: socket.AddressFamily) -> Sequence[AddrInfoType]:
    """Ask the system's resolver; blocks for as long as that takes."""
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)


class PooledResolver(AbstractResolver):
    """The system's resolver in threads of its own, bounded in number, in waiting and in time.

    A lookup cannot be cancelled once it runs, so slow name servers would otherwise take every
    thread of the loop's shared pool.
    """

    def __init__(
        self, *, threads: int, max_lookups: int, timeout_s: float, look_up: Lookup = look_up
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="dns")
        self._places = threading.BoundedSemaphore(max_lookups)
        self._timeout_s = timeout_s
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name, in the order in which the system prefers them.

        Raises:
            OSError: there is no such name, or no answer in time.
            Problem: 503 `overloaded` when too many lookups run or wait.
        """
        if not self._places.acquire(blocking=False):
            raise Problem(503, "overloaded", "too many host names are being looked up; try again")
        # Released by the thread, not by the caller: a lookup given up on still holds its thread.
        lookup = self._pool.submit(self._look_up, host, port, family)
        lookup.add_done_callback(lambda _: self._places.release())
        try:
            found = await asyncio.wait_for(asyncio.wrap_future(lookup), self._timeout_s)
        except TimeoutError as err:
            raise OSError("no answer from the name servers in time") from err
        return [
            ResolveResult(
                hostname=host,
                host=str(target[0]),
                port=int(target[1]),
                family=found_family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found_family, _, protocol, _, target in found
        ]

    async def close(self) -> None:
        """Drop waiting lookups; one that runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
