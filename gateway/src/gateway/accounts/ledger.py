"""Credits in the database: taken before a call, charged when it ends well, else given back.

A charge is two transactions. The first takes the price from the balance, if it is there, and notes
a hold; the second turns the hold into a row of the ledger, or back into balance. Each begins with
the one conditional statement that decides, so nothing is read first and written later, and a
process that dies between the two leaves a hold that expires.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.accounts.holds import END, GIVE_BACK, HOLD, NOTE, TAKE, Hold, too_poor
from gateway.accounts.scopes import endpoint_name
from gateway.accounts.usage import UsageBook, add_usage
from gateway.database.clock import Clock, utc_now
from gateway.database.engine import DatabaseUnavailable, transaction, upsert
from gateway.database.tables import ACCOUNTS, HOLDS, SETTLED
from gateway.periodic import uncut
from servicekit.logs import get_logger

DEFAULT_PRICE = 1

# How long an account that was not metered is believed to be so without asking again.
UNMETERED_FOR = timedelta(seconds=5)

SETTLED_FOR = timedelta(hours=24)  # as long as answers are kept by Idempotency-Key

LONG_HOLD = timedelta(hours=1)  # of many requests at once; what outlasts it is taken again

_MOST_REMEMBERED = 10_000  # accounts that are not metered, in memory
_SWEEP = 1000  # holds looked up in one go

_log = get_logger("credits")


class _Charge:
    """Open charge of a request; of nothing where `hold` is None."""

    def __init__(self, ledger: "Ledger", account: str, endpoint: str, hold: Hold | None) -> None:
        self.is_closed = False
        self._ledger = ledger
        self._account = account
        self._endpoint = endpoint
        self._hold = hold

    async def settle(self, connection: AsyncConnection) -> None:
        """Settle as a part of the connection's transaction."""
        if self._hold is None:
            await self._ledger.count(connection, self._account, self._endpoint)
        else:
            await self._ledger.settle(connection, self._hold)

    def close(self) -> None:
        """Note that the transaction of `settle` is committed."""
        self.is_closed = True


class Ledger:
    """Charges accounts that have a balance; implements `gateway.accounts.credits.Credits`.

    Args:
        engine: the gateway's database.
        usage: where requests are counted.
        prices: credits by name of the endpoint; what is not named costs `DEFAULT_PRICE`.
        hold_for: after this time a hold comes back; longer than any call.
        clock: gives the time now, UTC without a zone.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        usage: UsageBook,
        *,
        prices: Mapping[str, int],
        hold_for: timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self._engine = engine
        self._usage = usage
        self._prices = prices
        self._hold_for = hold_for
        self._clock = clock
        self._unmetered: dict[str, datetime] = {}
        self._owed: list[Hold] = []

    @asynccontextmanager
    async def charge(
        self,
        account: str,
        *,
        endpoint: str,
        units: int = 1,
        item: str | None = None,
        hold: str | None = None,
    ) -> AsyncIterator[_Charge]:
        """Reserve the price of `units`; settle when the context ends well, else give it back.

        Args:
            account: who pays.
            endpoint: path or name of the endpoint.
            units: how many times its price is paid at once.
            item: names what is paid, where it may come again; within `SETTLED_FOR` it is charged
                once.
            hold: id of the hold, which may be there already.

        Raises:
            Problem: 406 insufficient_balance, 503; before the context is entered.
        """
        name = endpoint_name(endpoint)
        amount = self.price(name, units=units)
        is_named = hold is not None
        wanted = Hold(hold or secrets.token_hex(16), account, name, units, amount, item, is_named)
        taken = wanted if await self._reserve(wanted) else None
        charge = _Charge(self, account, name, taken)
        try:
            yield charge
        except BaseException:
            if taken is not None:
                await uncut(self._try_to_refund(taken.id))
            raise
        if charge.is_closed:
            return
        if taken is None:
            self._usage.count(account, endpoint=name, units=units)
        else:
            await uncut(self._settle_or_owe(taken))

    async def reserve(
        self,
        connection: AsyncConnection,
        account: str,
        *,
        endpoint: str,
        hold: str,
        until: datetime,
    ) -> None:
        """Reserve the price of a request that comes later, where the account can pay it."""
        name = endpoint_name(endpoint)
        amount = self._prices.get(name, DEFAULT_PRICE)
        if amount > 0 and not self._is_unmetered(account, self._clock()):
            await self._take(connection, Hold(hold, account, name, 1, amount), until)

    def price(self, endpoint: str, *, units: int) -> int:
        """Return the credits that so many requests to an endpoint cost."""
        return self._prices.get(endpoint_name(endpoint), DEFAULT_PRICE) * units

    async def check(
        self, connection: AsyncConnection, account: str, *, endpoint: str, units: int
    ) -> None:
        """Raise a Problem, 406, where the account cannot pay so many requests now."""
        balance = await self._balance(connection, account)
        price = self.price(endpoint, units=units)
        if balance is not None and balance < price:
            raise too_poor(balance, price)

    async def hold(
        self, connection: AsyncConnection, account: str, *, endpoint: str, units: int, hold: str
    ) -> None:
        """Reserve the price of so many requests, unless it is reserved by this hold.

        Raises:
            Problem: 406 insufficient_balance.
        """
        name, now = endpoint_name(endpoint), self._clock()
        wanted = Hold(hold, account, name, units, self.price(name, units=units), is_named=True)
        if wanted.amount > 0 and not self._is_unmetered(account, now):
            await self._reserve_in(connection, wanted, now, now + LONG_HOLD)

    async def settle_items(
        self,
        connection: AsyncConnection,
        account: str,
        *,
        endpoint: str,
        hold: str,
        items: Sequence[str],
    ) -> None:
        """Charge items out of the hold that reserved their price, and give the rest of it back.

        Args:
            connection: of the transaction.
            account: who pays.
            endpoint: name of the endpoint.
            hold: id that `hold` was given.
            items: id of each charge; the ledger takes each once.
        """
        now = self._clock()
        end = delete(HOLDS).where(HOLDS.c.id == hold).returning(HOLDS.c.amount)
        held = await connection.scalar(end)
        amount = self.price(endpoint, units=len(items))
        if held is None and amount > 0 and not self._is_unmetered(account, now):
            # The hold expired: its price is back in the balance.
            taken = await connection.execute(TAKE, {"payer": account, "price": amount})
            held = amount if taken.rowcount else None
        if held is not None and held > amount:
            await connection.execute(GIVE_BACK, {"payee": account, "back": held - amount})
        if not items:
            return
        if held is not None and amount > 0:
            price = -self.price(endpoint, units=1)
            row = {"account": account, "kind": "charge", "amount": price, "endpoint": endpoint}
            await connection.execute(NOTE, [{**row, "hold": item, "at": now} for item in items])
        await add_usage(
            connection,
            account=account,
            day=now.date(),
            endpoint=endpoint,
            requests=len(items),
            credits_spent=0 if held is None else amount,
        )

    async def release(self, connection: AsyncConnection, holds: Iterable[str]) -> None:
        """Give back what these holds have reserved, and was not settled."""
        end = delete(HOLDS).where(HOLDS.c.id.in_(list(holds)))
        ended = await connection.execute(end.returning(HOLDS.c.account, HOLDS.c.amount))
        for row in ended.all():
            await connection.execute(GIVE_BACK, {"payee": row.account, "back": row.amount})

    async def count(self, connection: AsyncConnection, account: str, endpoint: str) -> None:
        """Count a request that costs nothing."""
        await add_usage(
            connection,
            account=account,
            day=self._clock().date(),
            endpoint=endpoint,
            requests=1,
            credits_spent=0,
        )

    async def sweep(self) -> int:
        """Charge what could not be charged, give back what expired; return how many expired."""
        for hold in list(self._owed):
            await self._settle(hold)
            self._owed.remove(hold)
        async with transaction(self._engine) as connection:
            old = delete(SETTLED).where(SETTLED.c.expires_at <= self._clock())
            await connection.execute(old)
        count = 0
        while names := await self._expired():
            for name in names:
                count += await self._refund(name)
        return count

    async def _reserve(self, hold: Hold) -> bool:
        """Take the price, unless it is taken; return False where nothing is to be paid."""
        try:
            return await uncut(self._reserve_uncut(hold))
        except asyncio.CancelledError:
            await uncut(self._try_to_refund(hold.id))
            raise

    async def _reserve_uncut(self, hold: Hold) -> bool:
        now = self._clock()
        if hold.amount == 0 or self._is_unmetered(hold.account, now):
            return False
        async with transaction(self._engine) as connection:
            return await self._reserve_in(connection, hold, now, now + self._hold_for)

    async def _reserve_in(
        self, connection: AsyncConnection, hold: Hold, now: datetime, until: datetime
    ) -> bool:
        if hold.is_named and await self._extend(connection, hold, until):
            return True
        if await self._take(connection, hold, until):
            return True
        balance = await self._balance(connection, hold.account)
        if balance is not None:
            raise too_poor(balance, hold.amount)
        self._remember_unmetered(hold.account, now)
        return False

    async def _balance(self, connection: AsyncConnection, account: str) -> int | None:
        """Return the balance of an account, None where nobody meters it."""
        return await connection.scalar(select(ACCOUNTS.c.balance).where(ACCOUNTS.c.name == account))

    async def _take(self, connection: AsyncConnection, hold: Hold, until: datetime) -> bool:
        """Take the price from the balance; return False where it is not there."""
        price = {"payer": hold.account, "price": hold.amount}
        if (await connection.execute(TAKE, price)).rowcount == 0:
            return False
        row = {
            "id": hold.id,
            "account": hold.account,
            "endpoint": hold.endpoint,
            "units": hold.units,
            "amount": hold.amount,
            "expires_at": until,
        }
        await connection.execute(HOLD, row)
        return True

    async def _extend(self, connection: AsyncConnection, hold: Hold, until: datetime) -> bool:
        """Let a hold that is there last until then at least; return False where there is none."""
        longer = case((HOLDS.c.expires_at < until, until), else_=HOLDS.c.expires_at)
        mine = update(HOLDS).where(HOLDS.c.id == hold.id).values(expires_at=longer)
        return (await connection.execute(mine)).rowcount == 1

    def _is_unmetered(self, account: str, now: datetime) -> bool:
        return now < self._unmetered.get(account, now)

    def _remember_unmetered(self, account: str, now: datetime) -> None:
        if len(self._unmetered) >= _MOST_REMEMBERED:
            self._unmetered.clear()
        self._unmetered[account] = now + UNMETERED_FOR

    async def _settle_or_owe(self, hold: Hold) -> None:
        """Charge a hold, now or at the next sweep: the caller has the answer either way."""
        try:
            await self._settle(hold)
        except DatabaseUnavailable:
            self._owed.append(hold)
            _log.warning("charge put off", account=hold.account, endpoint=hold.endpoint)

    async def _settle(self, hold: Hold) -> None:
        async with transaction(self._engine) as connection:
            await self.settle(connection, hold)

    async def settle(self, connection: AsyncConnection, hold: Hold) -> None:
        """Make a row of the ledger of a hold."""
        now = self._clock()
        ended = await connection.execute(END, {"ended": hold.id})
        if ended.rowcount == 0:
            # It expired, or a transaction that seemed to fail has charged it after all.
            if not hold.is_named:
                return
            price = {"payer": hold.account, "price": hold.amount}
            if (await connection.execute(TAKE, price)).rowcount == 0:
                return
        if hold.item is not None and not await self._settle_item(connection, hold, now):
            await connection.execute(GIVE_BACK, {"payee": hold.account, "back": hold.amount})
            return
        row = {
            "account": hold.account,
            "kind": "charge",
            "amount": -hold.amount,
            "endpoint": hold.endpoint,
            "hold": hold.id,
            "at": now,
        }
        await connection.execute(NOTE, row)
        await add_usage(
            connection,
            account=hold.account,
            day=now.date(),
            endpoint=hold.endpoint,
            requests=hold.units,
            credits_spent=hold.amount,
        )

    async def _settle_item(self, connection: AsyncConnection, hold: Hold, now: datetime) -> bool:
        """Note that an item is settled; return False where it was settled before."""
        row = {
            "item": hashlib.sha256(str(hold.item).encode()).hexdigest(),
            "account": hold.account,
            "expires_at": now + SETTLED_FOR,
        }
        settled = await connection.execute(
            upsert(connection, SETTLED)
            .values(row)
            .on_conflict_do_update(
                index_elements=["item"], set_=row, where=SETTLED.c.expires_at <= now
            )
            .returning(SETTLED.c.item)
        )
        return settled.one_or_none() is not None

    async def _try_to_refund(self, hold_id: str) -> None:
        try:
            await self._refund(hold_id)
        except DatabaseUnavailable:
            _log.warning("refund put off until the hold expires")

    async def _refund(self, hold_id: str) -> bool:
        """Give a hold back and tell whether it was there.

        One hold for each transaction: two processes that give back several at once could wait for
        each other's rows for ever.
        """
        end = delete(HOLDS).where(HOLDS.c.id == hold_id)
        async with transaction(self._engine) as connection:
            ended = await connection.execute(end.returning(HOLDS.c.account, HOLDS.c.amount))
            row = ended.one_or_none()
            if row is not None:
                await connection.execute(GIVE_BACK, {"payee": row.account, "back": row.amount})
        return row is not None

    async def _expired(self) -> list[str]:
        expired = select(HOLDS.c.id).where(HOLDS.c.expires_at <= self._clock()).limit(_SWEEP)
        async with transaction(self._engine) as connection:
            return [row.id for row in await connection.execute(expired)]
