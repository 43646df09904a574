"""Holds of credits: a price that is taken and not charged yet, and the statements about it."""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, update

from gateway.database.tables import ACCOUNTS, HOLDS, LEDGER
from gateway.problems import Problem

# The statements of every paid request, made once: making them takes longer than running them.
_PRICE = bindparam("price", type_=ACCOUNTS.c.balance.type)
TAKE = (
    update(ACCOUNTS)
    .where(ACCOUNTS.c.name == bindparam("payer"), ACCOUNTS.c.balance >= _PRICE)
    .values(balance=ACCOUNTS.c.balance - _PRICE)
)
GIVE_BACK = (
    update(ACCOUNTS)
    .where(ACCOUNTS.c.name == bindparam("payee"))
    .values(balance=ACCOUNTS.c.balance + bindparam("back", type_=ACCOUNTS.c.balance.type))
)
HOLD = insert(HOLDS)
END = delete(HOLDS).where(HOLDS.c.id == bindparam("ended"))
NOTE = insert(LEDGER)


@dataclass(frozen=True, slots=True)
class Hold:
    """Price that is taken from a balance, and not charged yet.

    Attributes:
        id: of the row.
        account: who pays.
        endpoint: name of the endpoint.
        units: how many times its price is paid.
        amount: credits.
        item: names what is paid, where it may come again.
        is_named: by the caller, so that it can be taken again where it expired.
    """

    id: str
    account: str
    endpoint: str
    units: int
    amount: int
    item: str | None = None
    is_named: bool = False


def too_poor(balance: int, price: int) -> Problem:
    """Return the error for a price that is not in the balance."""
    message = f"the balance is {balance}; the price is {price}; ask for more credits"
    return Problem(406, "insufficient_balance", message)
