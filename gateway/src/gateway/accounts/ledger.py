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
from dataclasses import dataclass
from datetime import datetime, timedelta

from attrs import define, field
from sqlalchemy import bindparam, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.accounts.usage import UsageBook, add_usage
from gateway.database.clock import Clock, utc_now
from gateway.database.engine import DatabaseUnavailable, transaction, upsert
from gateway.database.tables import ACCOUNTS, HOLDS, LEDGER, SETTLED
from gateway.periodic import uncut
from gateway.problems import Problem
from servicekit.logs import get_logger

DEFAULT_PRICE = 1

# How long an account that was not metered is believed to be so without asking again.
UNMETERED_FOR = timedelta(seconds=5)

SETTLED_FOR = timedelta(hours=24)  # as long as answers are kept by Idempotency-Key

LONG_HOLD = timedelta(hours=1)  # of many requests at once; what outlasts it is taken again

_MOST_REMEMBERED = 10_000  # accounts that are not metered, in memory
_SWEEP = 1000  # holds looked up in one go

_log = get_logger("credits")

# The statements of every paid request, made once: making them takes longer than running them.
_PRICE = bindparam("price", type_=ACCOUNTS.c.balance.type)
_TAKE = (
    update(ACCOUNTS)
    .where(ACCOUNTS.c.name == bindparam("payer"), ACCOUNTS.c.balance >= _PRICE)
    .values(balance=ACCOUNTS.c.balance - _PRICE)
)
_GIVE_BACK = (
    update(ACCOUNTS)
    .where(ACCOUNTS.c.name == bindparam("payee"))
    .values(balance=ACCOUNTS.c.balance + bindparam("back", type_=ACCOUNTS.c.balance.type))
)
_HOLD = insert(HOLDS)
_END = delete(HOLDS).where(HOLDS.c.id == bindparam("ended"))
_NOTE = insert(LEDGER)


@dataclass(frozen=True, slots=True)
class Hold:
    """Price that is taken from a balance, and not charged yet."""

    id: str
    account: str
    endpoint: str
    units: int  # how many times its price is paid
    amount: int
    item: str | None = None  # names what is paid, where it may come again
    is_named: bool = False  # by the caller, so that it can be taken again where it expired


@define(eq=False)
class Charge:
    """Open charge of a request, of nothing where `hold` is None.

    It is settled when its context ends well, or before, in `settle`.
    """

    _ledger: "Ledger"
    _account: str
    _endpoint: str
    _hold: Hold | None
    is_closed: bool = field(default=False, init=False)

    async def settle(self, connection: AsyncConnection) -> None:
        """Settle as a part of the connection's transaction."""
        if self._hold is None:
            await self._ledger.count(connection, self._account, self._endpoint)
        else:
            await self._ledger.settle(connection, self._hold)

    def close(self) -> None:
        """Note that the transaction of `settle` is committed."""
        self.is_closed = True


@define(eq=False)
class Ledger:
    """Charges accounts that have a balance; a request is paid before the call."""

    _engine: AsyncEngine
    _usage: UsageBook
    _prices: Mapping[str, int]  # by name of the endpoint; what is not named costs `DEFAULT_PRICE`
    _hold_for: timedelta  # then a hold comes back; longer than any call
    _clock: Clock = utc_now
    _unmetered: dict[str, datetime] = field(factory=dict, init=False)
    _owed: list[Hold] = field(factory=list, init=False)

    @asynccontextmanager
    async def charge(
        self,
        account: str,
        *,
        endpoint: str,
        item: str | None = None,
        hold: str | None = None,
    ) -> AsyncIterator[Charge]:
        """Reserve the price; settle when the context ends well, else give it back.

        Args:
            account: who pays.
            endpoint: name of the endpoint.
            item: names what is paid, where it may come again; within `SETTLED_FOR` it is charged
                once.
            hold: id of the hold, which may be there already.

        Raises:
            Problem: 406 insufficient_balance, 503; before the context is entered.
        """
        amount, is_named = self.price(endpoint, units=1), hold is not None
        wanted = Hold(hold or secrets.token_hex(16), account, endpoint, 1, amount, item, is_named)
        taken = wanted if await self._reserve(wanted) else None
        charge = Charge(self, account, endpoint, taken)
        try:
            yield charge
        except BaseException:
            if taken is not None:
                await uncut(self._try_to_refund(taken.id))
            raise
        if charge.is_closed:
            return
        if taken is None:
            self._usage.count(account, endpoint=endpoint, units=1)
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
        amount = self.price(endpoint, units=1)
        if amount > 0 and not self._is_unmetered(account, self._clock()):
            await self._take(connection, Hold(hold, account, endpoint, 1, amount), until)

    def price(self, endpoint: str, *, units: int) -> int:
        """Return the credits that so many requests to an endpoint cost."""
        return self._prices.get(endpoint, DEFAULT_PRICE) * units

    async def check(
        self, connection: AsyncConnection, account: str, *, endpoint: str, units: int
    ) -> None:
        """Raise a Problem, 406, where the account cannot pay so many requests now."""
        balance = await self._balance(connection, account)
        price = self.price(endpoint, units=units)
        if balance is not None and balance < price:
            raise _too_poor(balance, price)

    async def hold(
        self, connection: AsyncConnection, account: str, *, endpoint: str, units: int, hold: str
    ) -> None:
        """Reserve the price of so many requests, unless it is reserved by this hold.

        Raises:
            Problem: 406 insufficient_balance.
        """
        price = self.price(endpoint, units=units)
        wanted = Hold(hold, account, endpoint, units, price, is_named=True)
        await self._reserve_in(connection, wanted, LONG_HOLD)

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

        An item is the id of its charge; the ledger takes each once.
        """
        now = self._clock()
        end = delete(HOLDS).where(HOLDS.c.id == hold).returning(HOLDS.c.amount)
        held = await connection.scalar(end)
        amount = self.price(endpoint, units=len(items))
        if held is None and amount > 0 and not self._is_unmetered(account, now):
            # The hold expired: its price is back in the balance.
            taken = await connection.execute(_TAKE, {"payer": account, "price": amount})
            held = amount if taken.rowcount else None
        if held is not None and held > amount:
            await connection.execute(_GIVE_BACK, {"payee": account, "back": held - amount})
        if not items:
            return
        if held is not None and amount > 0:
            price = -self.price(endpoint, units=1)
            row = {"account": account, "kind": "charge", "amount": price, "endpoint": endpoint}
            await connection.execute(_NOTE, [{**row, "hold": item, "at": now} for item in items])
        spent = 0 if held is None else amount
        await add_usage(connection, account, endpoint, now.date(), requests=len(items), spent=spent)

    async def release(self, connection: AsyncConnection, holds: Iterable[str]) -> int:
        """Give back what these holds have reserved and was not settled; return how many did."""
        end = delete(HOLDS).where(HOLDS.c.id.in_(list(holds)))
        ended = await connection.execute(end.returning(HOLDS.c.account, HOLDS.c.amount))
        rows = ended.all()
        for row in rows:
            await connection.execute(_GIVE_BACK, {"payee": row.account, "back": row.amount})
        return len(rows)

    async def count(self, connection: AsyncConnection, account: str, endpoint: str) -> None:
        """Count a request that costs nothing."""
        await add_usage(connection, account, endpoint, self._clock().date(), requests=1, spent=0)

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
        if self._is_free(hold):
            return False
        async with transaction(self._engine) as connection:
            return await self._reserve_in(connection, hold, self._hold_for)

    def _is_free(self, hold: Hold) -> bool:
        return hold.amount == 0 or self._is_unmetered(hold.account, self._clock())

    async def _reserve_in(
        self, connection: AsyncConnection, hold: Hold, hold_for: timedelta
    ) -> bool:
        if self._is_free(hold):
            return False
        now = self._clock()
        until = now + hold_for
        if hold.is_named and await self._extend(connection, hold, until):
            return True
        if await self._take(connection, hold, until):
            return True
        balance = await self._balance(connection, hold.account)
        if balance is not None:
            raise _too_poor(balance, hold.amount)
        self._remember_unmetered(hold.account, now)
        return False

    async def _balance(self, connection: AsyncConnection, account: str) -> int | None:
        """Return the balance of an account, None where nobody meters it."""
        return await connection.scalar(select(ACCOUNTS.c.balance).where(ACCOUNTS.c.name == account))

    async def _take(self, connection: AsyncConnection, hold: Hold, until: datetime) -> bool:
        """Take the price from the balance; return False where it is not there."""
        price = {"payer": hold.account, "price": hold.amount}
        if (await connection.execute(_TAKE, price)).rowcount == 0:
            return False
        row = {
            "id": hold.id,
            "account": hold.account,
            "endpoint": hold.endpoint,
            "units": hold.units,
            "amount": hold.amount,
            "expires_at": until,
        }
        await connection.execute(_HOLD, row)
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
        ended = await connection.execute(_END, {"ended": hold.id})
        if ended.rowcount == 0:
            # It expired, or a transaction that seemed to fail has charged it after all.
            if not hold.is_named:
                return
            price = {"payer": hold.account, "price": hold.amount}
            if (await connection.execute(_TAKE, price)).rowcount == 0:
                return
        if hold.item is not None and not await self._settle_item(connection, hold, now):
            await connection.execute(_GIVE_BACK, {"payee": hold.account, "back": hold.amount})
            return
        row = {
            "account": hold.account,
            "kind": "charge",
            "amount": -hold.amount,
            "endpoint": hold.endpoint,
            "hold": hold.id,
            "at": now,
        }
        await connection.execute(_NOTE, row)
        await add_usage(
            connection,
            hold.account,
            hold.endpoint,
            now.date(),
            requests=hold.units,
            spent=hold.amount,
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

    async def _refund(self, hold_id: str) -> int:
        """Give a hold back; return 0 where it was not there.

        One hold for each transaction: two processes that give back several at once could wait for
        each other's rows for ever.
        """
        async with transaction(self._engine) as connection:
            return await self.release(connection, [hold_id])

    async def _expired(self) -> list[str]:
        expired = select(HOLDS.c.id).where(HOLDS.c.expires_at <= self._clock()).limit(_SWEEP)
        async with transaction(self._engine) as connection:
            return [row.id for row in await connection.execute(expired)]


def _too_poor(balance: int, price: int) -> Problem:
    """Return the error for a price that is not in the balance."""
    message = f"the balance is {balance}; the price is {price}; ask for more credits"
    return Problem(406, "insufficient_balance", message)
