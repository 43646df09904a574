"""`imagemesh jobs dead|requeue`: jobs that were given up, and webhooks that never arrived."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from commandkit.cli import new_app
from gateway.commands.terminal import DATABASE, Database, fail, minute, print_json, print_table
from gateway.jobs.backlog import Backlog
from gateway.jobs.records import JobRecord

APP = new_app("jobs", help="List jobs that were given up, and queue them again.")

_ALL: Final = "all"


class DeadLetter(msgspec.Struct, frozen=True):
    """Job that was given up, or whose webhook was."""

    id: str
    kind: str
    account: str
    endpoints: tuple[str, ...]
    done: int
    total: int
    at: datetime


@APP.command
async def dead(*, database: Database = DATABASE) -> int:
    """Print the dead letters: jobs that were given up."""
    async with database.open() as engine:
        letters = [_letter(record, at) for record, at in await Backlog(engine).dead()]
    return print_json(letters) if database.json else _print_letters(letters)


@APP.command
async def requeue(ids: list[str], /, *, database: Database = DATABASE) -> int:
    """Queue jobs that were given up again; answers that they have stay.

    Args:
        ids: Ids of jobs, or "all".
    """
    async with database.open() as engine:
        backlog = Backlog(engine)
        wanted = ids
        if ids == [_ALL]:
            wanted = [record.id for record, _ in await backlog.dead() if record.is_dead]
        queued = [job for job in wanted if await backlog.requeue(job)]
    unknown = sorted(set(wanted) - set(queued))
    code = database.print({"queued": queued, "unknown": unknown}, f"queued {len(queued)}")
    return fail(f"no job that was given up has the id {', '.join(unknown)}") if unknown else code


def _print_letters(letters: Sequence[DeadLetter]) -> int:
    header = ("JOB", "KIND", "GIVEN UP", "DONE", "ENDPOINTS", "ACCOUNT")
    rows = [
        (
            letter.id,
            letter.kind,
            minute(letter.at),
            f"{letter.done}/{letter.total}",
            ",".join(letter.endpoints) or "-",
            letter.account,
        )
        for letter in letters
    ]
    return print_table(header, rows)


def _letter(record: JobRecord, at: datetime) -> DeadLetter:
    return DeadLetter(
        id=record.id,
        kind="job" if record.is_dead else "webhook",
        account=record.account,
        endpoints=record.endpoints,
        done=record.done,
        total=record.total,
        at=at,
    )
