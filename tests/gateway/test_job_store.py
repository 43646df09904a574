"""Jobs in the database, as several gateways see them, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.jobs.store import FAILED, LOST_AFTER, RUNNING, SUCCEEDED, JobRecord, JobStore
from tests.gateway.clocks import Hands

ANSWER = '{"status": 200, "body": {}}'
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
LEASE = timedelta(minutes=1)


@pytest.fixture
def store(engine: AsyncEngine, clock: Hands) -> JobStore:
    return JobStore(engine, lifetime=DAY, clock=clock)


async def add(store: JobStore, webhook: str | None = None) -> JobRecord:
    return await store.add(account="ada", request_id="r", total=3, webhook=webhook)


async def find(store: JobStore, job: JobRecord) -> JobRecord:
    found = await store.find(job.id, account="ada")
    assert found is not None
    return found


async def test_job_goes_from_queued_to_its_end(store: JobStore) -> None:
    job = await add(store)
    await store.advance(job.id, done=1)
    running = await find(store, job)
    kept = await store.end(job.id, status=SUCCEEDED, answer=ANSWER)
    ended = await find(store, job)

    assert (job.status, job.is_over) == ("queued", False)
    assert (running.status, running.done) == ("running", 1)
    assert kept
    assert (ended.status, ended.done, ended.answer) == ("succeeded", 3, ANSWER)


async def test_items_are_kept_while_the_batch_runs(store: JobStore, clock: Hands) -> None:
    running, ended = await add(store), await add(store)
    await store.keep_items(running.id, "[1]")
    await store.keep_items(ended.id, "[2]")
    await store.end(ended.id, status=SUCCEEDED, answer=ANSWER)
    clock.now += LOST_AFTER + SECOND

    assert not await store.keep_items(ended.id, "[3]")
    assert (await find(store, ended)).items is None
    assert (await find(store, running)).items == "[1]"
    assert not await store.keep_items(running.id, "[4]")


async def test_names_cannot_be_guessed_from_one_another(store: JobStore) -> None:
    assert len({(await add(store)).id for _ in range(20)}) == 20


async def test_end_is_final(store: JobStore) -> None:
    job = await add(store)
    await store.end(job.id, status=SUCCEEDED, answer=ANSWER)

    assert not await store.end(job.id, status=FAILED, answer="{}")
    await store.advance(job.id, done=0)
    assert (await find(store, job)).status == SUCCEEDED


async def test_silent_job_is_lost_and_its_late_answer_is_not_kept(
    store: JobStore, clock: Hands
) -> None:
    """Nobody is charged for it: who keeps an answer learns that nobody can get it."""
    job = await add(store)
    clock.now += LOST_AFTER + SECOND
    count = await store.sweep()

    assert count == 1
    assert (await find(store, job)).status == FAILED
    assert not await store.end(job.id, status=SUCCEEDED, answer=ANSWER)


async def test_job_that_beats_is_not_lost(store: JobStore, clock: Hands) -> None:
    job = await add(store)
    await store.advance(job.id, done=0)
    for _ in range(3):
        clock.now += LOST_AFTER
        assert await store.beat({job.id}) == {job.id}

    assert await store.sweep() == 0
    assert (await find(store, job)).status == RUNNING


async def test_beat_tells_which_jobs_were_removed(store: JobStore) -> None:
    first, second = await add(store), await add(store)
    await store.remove(first.id, account="ada")

    assert await store.beat({first.id, second.id}) == {second.id}


async def test_beat_tells_of_an_ended_job_that_it_is_there(store: JobStore) -> None:
    """It may still be paid for: it must not be stopped."""
    job = await add(store)
    await store.end(job.id, status=SUCCEEDED, answer=ANSWER)

    assert await store.beat({job.id}) == {job.id}


async def test_only_the_owner_removes(store: JobStore) -> None:
    job = await add(store)

    assert not await store.remove(job.id, account="bob")
    assert await store.remove(job.id, account="ada")
    assert await store.find(job.id, account="ada") is None


async def test_given_up_jobs_fail_and_ended_ones_stay(store: JobStore) -> None:
    running, ended = await add(store), await add(store)
    await store.end(ended.id, status=SUCCEEDED, answer=ANSWER)
    await store.give_up([running.id, ended.id])

    assert (await find(store, running)).status == FAILED
    assert (await find(store, ended)).status == SUCCEEDED


async def test_sweep_forgets_what_has_expired(store: JobStore, clock: Hands) -> None:
    old = await add(store)
    clock.now += SECOND
    young = await add(store)
    clock.now += DAY - SECOND
    await store.sweep()

    assert await store.beat({old.id, young.id}) == {young.id}


@pytest.mark.parametrize("how", ["end", "lose", "give up"])
async def test_webhook_is_due_when_its_job_has_ended_however(
    store: JobStore, clock: Hands, how: str
) -> None:
    job = await add(store, "http://a.example/")
    before = await store.claim_webhooks(limit=9, lease=LEASE)
    if how == "end":
        await store.end(job.id, status=SUCCEEDED, answer=ANSWER)
    elif how == "lose":
        clock.now += LOST_AFTER + SECOND
        await store.sweep()
    else:
        await store.give_up([job.id])

    assert before == []
    assert [due.id for due in await store.claim_webhooks(limit=9, lease=LEASE)] == [job.id]


async def test_claimed_webhook_is_nobody_else_s_until_its_lease_is_over(
    store: JobStore, engine: AsyncEngine, clock: Hands
) -> None:
    other = JobStore(engine, lifetime=DAY, clock=clock)
    job = await add(store, "http://a.example/")
    await store.end(job.id, status=SUCCEEDED, answer=ANSWER)

    assert len(await store.claim_webhooks(limit=9, lease=LEASE)) == 1
    assert await other.claim_webhooks(limit=9, lease=LEASE) == []
    clock.now += LEASE
    assert len(await other.claim_webhooks(limit=9, lease=LEASE)) == 1


async def test_webhook_is_due_again_when_its_delivery_failed(store: JobStore, clock: Hands) -> None:
    job = await add(store, "http://a.example/")
    await store.end(job.id, status=SUCCEEDED, answer=ANSWER)
    await store.claim_webhooks(limit=9, lease=LEASE)
    await store.note_webhook(job.id, status="pending", retry_in=5 * SECOND)

    assert await store.seconds_to_webhook() == 5
    clock.now += 5 * SECOND
    (again,) = await store.claim_webhooks(limit=9, lease=LEASE)
    assert again.webhook_attempts == 1
    await store.note_webhook(job.id, status="delivered", retry_in=None)
    assert await store.seconds_to_webhook() is None
    assert (await find(store, job)).webhook_status == "delivered"


async def test_job_without_a_webhook_owes_nothing(store: JobStore) -> None:
    job = await add(store)
    await store.end(job.id, status=SUCCEEDED, answer=ANSWER)

    assert await store.seconds_to_webhook() is None
