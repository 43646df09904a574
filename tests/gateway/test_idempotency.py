"""`Idempotency-Key`: a repeated request gets the same answer and is worked and paid once."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from gateway.accounts.idempotency import KEPT_FOR, Claim, IdempotentAnswers, fingerprint_of
from gateway.database.tables import IDEMPOTENT
from gateway.problems import Problem
from tests.gateway.hang_ups import once
from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Hands, Reply, Start, alone, give
from tests.gateway.stage import WAIT
from tests.gateway.uploads import base64

CLAIM_FOR = timedelta(minutes=2)
ASKED = fingerprint_of("/api/v1/ocr", b"{}")
ENOUGH_S = 20  # far beyond what any of the waits below takes


@pytest.fixture
def answers(engine: AsyncEngine, clock: Hands) -> IdempotentAnswers:
    return IdempotentAnswers(engine, claim_for=CLAIM_FOR, clock=clock)


class Work:
    """Answers with how often it was done."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self, claim: Claim) -> Response:
        """Answer as the class says."""
        self.times += 1
        response = Response(str(self.times), 202, {"Location": "/there"}, "application/json")
        await claim.keep(response)
        return response


async def ask(
    answers: IdempotentAnswers, work: Work, *, account: str = "ada", fingerprint: str = ASKED
) -> Response:
    return await once(answers, "k", work, account=account, fingerprint=fingerprint)


async def test_second_request_gets_the_first_answer(answers: IdempotentAnswers) -> None:
    work = Work()

    first, second = await ask(answers, work), await ask(answers, work)

    assert (first.status_code, first.body, work.times) == (202, b"1", 1)
    assert (second.status_code, second.body) == (202, b"1")
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["Location"] == "/there"
    assert second.headers["Content-Type"] == "application/json"


async def test_same_key_of_another_account_is_another_key(answers: IdempotentAnswers) -> None:
    work = Work()

    await ask(answers, work)
    await ask(answers, work, account="bob")

    assert work.times == 2


async def test_of_many_at_once_one_is_done_and_the_others_are_409(
    answers: IdempotentAnswers,
) -> None:
    done, all_asked = Work(), asyncio.Event()

    async def slow(claim: Claim) -> Response:
        await all_asked.wait()
        return await done(claim)

    async def one() -> str:
        try:
            await once(answers, "k", slow, fingerprint=ASKED)
        except Problem as problem:
            return problem.code
        return "done"

    tasks = [asyncio.create_task(one()) for _ in range(5)]
    async with asyncio.timeout(ENOUGH_S):
        while sum(task.done() for task in tasks) < 4:
            await asyncio.wait(
                [task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED
            )
        all_asked.set()
        codes = await asyncio.gather(*tasks)

    assert sorted(codes) == ["done"] + ["request_in_progress"] * 4
    assert done.times == 1


@pytest.mark.parametrize("fault", [Problem(503, "x", "y"), asyncio.CancelledError(), ValueError()])
async def test_failed_request_may_be_repeated(
    answers: IdempotentAnswers, fault: BaseException
) -> None:
    async def fail(_: Claim) -> Response:
        raise fault

    with pytest.raises(type(fault)):
        await once(answers, "k", fail, fingerprint=ASKED)
    again = await ask(answers, Work())

    assert again.body == b"1"


async def test_request_that_keeps_no_answer_may_be_repeated(answers: IdempotentAnswers) -> None:
    async def keep_nothing(_: Claim) -> Response:
        return Response("nothing")

    await once(answers, "k", keep_nothing, fingerprint=ASKED)
    again = await ask(answers, Work())

    assert again.body == b"1"


async def test_answer_is_forgotten_after_a_day(
    answers: IdempotentAnswers, engine: AsyncEngine, clock: Hands
) -> None:
    work = Work()
    await ask(answers, work)

    clock.now += KEPT_FOR - timedelta(seconds=1)
    await answers.sweep()
    await ask(answers, work)
    clock.now += timedelta(seconds=1)
    await answers.sweep()
    async with engine.connect() as connection:
        left = await connection.scalar(select(func.count()).select_from(IDEMPOTENT))
    await ask(answers, work)

    assert (left, work.times) == (0, 2)


async def test_claim_of_a_dead_process_ends(answers: IdempotentAnswers, clock: Hands) -> None:
    """Work that has not ended stands for the process that was killed in the middle of it."""
    work = Work()

    async def killed(claim: Claim) -> Response:
        with pytest.raises(Problem, match="still running"):
            await ask(answers, work)
        clock.now += CLAIM_FOR
        again = await ask(answers, work)
        await claim.keep(Response("too late"))
        return again

    await once(answers, "k", killed, fingerprint=ASKED)

    assert (await ask(answers, work)).body == b"1"


def test_fingerprint_tells_where_one_part_ends() -> None:
    assert fingerprint_of("/a", b"b", b"c") != fingerprint_of("/a", b"bc")
    assert fingerprint_of("/a", b"b", b"c") != fingerprint_of("/ab", b"", b"c")


async def test_repeated_request_is_answered_alike_and_charged_once(start: Start) -> None:
    async with start() as gateway, listening(image_answer()) as origin:
        await give(gateway.settings.database_url, 10)
        body = {"url": origin.url(), "details": True}
        first = await gateway.post("ocr", body, Idempotency_Key="a-1")
        second = await gateway.post("ocr", body, Idempotency_Key="a-1")
        other = await gateway.post("ocr", {"url": origin.url()}, Idempotency_Key="a-1")
        elsewhere = await gateway.post("nudity", body, Idempotency_Key="a-1")
        usage = await gateway.get("/api/v1/usage")

    assert (first.status, second.status, second.body) == (200, 200, first.body)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(origin.requests) == 1
    assert other.refusal == elsewhere.refusal == (422, "idempotency_key_reused")
    assert "take a new one" in other.message
    assert (usage.json["result"]["balance"], usage.json["result"]["spent"]) == (9, 1)


async def test_repeated_request_is_409_while_the_first_runs(tmp_path: Path) -> None:
    async with (
        alone(tmp_path) as (gateway, stage),
        listening(image_answer(IMAGE + WAIT)) as origin,
    ):
        body = {"url": origin.url()}

        async def post() -> Reply:
            return await gateway.post("classify", body, Idempotency_Key="a-1")

        first = asyncio.create_task(post())
        await stage.waiting.wait()
        during = await post()
        stage.release.set()
        answered = await first
        after = await post()

    assert during.refusal == (409, "request_in_progress")
    assert during.headers["Retry-After"] == "1"
    assert (answered.status, after.status, after.body) == (200, 200, answered.body)


async def test_batch_with_errors_that_pass_is_not_replayed_and_charges_once(start: Start) -> None:
    async with start() as gateway:
        await give(gateway.settings.database_url, 10)
        contents = [IMAGE, IMAGE + b"full"]
        items = [{"endpoint": "nudity", "image": base64(content)} for content in contents]
        replies = [
            await gateway.post("batch", {"requests": items}, Idempotency_Key="a-1")
            for _ in range(3)
        ]
        usage = await gateway.get("/api/v1/usage")

    assert not any("Idempotency-Replayed" in reply.headers for reply in replies)
    assert [item["status"] for item in replies[-1].json["result"]] == [200, 429]
    assert (usage.json["result"]["balance"], usage.json["result"]["spent"]) == (9, 1)
