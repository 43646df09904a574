"""Requests that are hung up and sent again are charged once for each answer."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from gateway.accounts.accounts import AccountStore
from gateway.accounts.idempotency import Claim, IdempotentAnswers, order_of
from gateway.accounts.ledger import SETTLED_FOR, Ledger
from gateway.accounts.usage import UsageBook
from tests.gateway.clocks import Hands
from tests.gateway.hang_ups import cut


@pytest.fixture
async def ledger(engine: AsyncEngine, clock: Hands) -> Ledger:
    await AccountStore(engine, clock=clock).create("ada")
    await AccountStore(engine, clock=clock).credit("ada", 10)
    usage = UsageBook(engine, clock=clock)
    return Ledger(engine, usage, prices={}, hold_for=timedelta(minutes=1), clock=clock)


async def balance(engine: AsyncEngine) -> tuple[int | None, int]:
    (account,) = await AccountStore(engine).list_accounts()
    return account.balance, account.held


async def pay(ledger: Ledger, item: str | None) -> None:
    async with ledger.charge("ada", endpoint="ocr", item=item):
        pass


async def test_item_is_charged_once_by_key_and_number(engine: AsyncEngine, ledger: Ledger) -> None:
    """A batch of three is hung up after its second item, and sent again twice."""
    for items in (2, 3, 3):
        for number in range(items):
            await pay(ledger, f"order:{number}")

    assert await balance(engine) == (7, 0)


async def test_item_without_a_key_is_charged_each_time(engine: AsyncEngine, ledger: Ledger) -> None:
    for _ in range(3):
        await pay(ledger, None)

    assert await balance(engine) == (7, 0)


async def test_item_that_failed_is_charged_when_it_is_answered(
    engine: AsyncEngine, ledger: Ledger
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with ledger.charge("ada", endpoint="ocr", item="order:0"):
            raise ZeroDivisionError
    await pay(ledger, "order:0")

    assert await balance(engine) == (9, 0)


async def test_key_is_a_new_order_when_it_is_forgotten(
    engine: AsyncEngine, ledger: Ledger, clock: Hands
) -> None:
    await pay(ledger, "order:0")
    clock.now += SETTLED_FOR
    await pay(ledger, "order:0")
    await ledger.sweep()

    assert await balance(engine) == (8, 0)


def test_order_is_of_one_account_one_key_and_one_request() -> None:
    asked = [("ada", "k", "f"), ("bob", "k", "f"), ("ada", "l", "f"), ("ada", "k", "g")]

    assert len({order_of(*parts) for parts in asked}) == 4
    assert order_of("ada", None, "f") is None


async def test_charge_that_is_cancelled_leaves_no_hold(engine: AsyncEngine, ledger: Ledger) -> None:
    for steps in range(100):
        await cut(pay(ledger, None), after_steps=steps)
        assert (await balance(engine))[1] == 0, steps


async def test_request_that_is_cancelled_frees_its_key(engine: AsyncEngine) -> None:
    answers = IdempotentAnswers(engine, claim_for=timedelta(minutes=1))

    async def ask(key: str) -> Response:
        return await answers.once("ada", key=key, fingerprint="f", work=answer)

    for steps in range(100):
        await cut(ask(f"k{steps}"), after_steps=steps)
        assert (await ask(f"k{steps}")).status_code == 200


async def answer(_: Claim) -> Response:
    return Response("{}")
