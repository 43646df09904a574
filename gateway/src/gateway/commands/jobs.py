"""`imagemesh jobs dead|requeue`: jobs that were given up, and webhooks that never arrived."""

import argparse
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.commands.terminal import fail, minute, print_json, print_line, print_table, run
from gateway.jobs.backlog import Backlog
from gateway.jobs.records import JobRecord

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


def main(argv: Sequence[str]) -> int:
    """List jobs that were given up, and queue them again."""
    return run(_parser(), argv, command=_run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imagemesh jobs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    dead = commands.add_parser("dead", help="print the dead letters: what was given up")
    requeue = commands.add_parser(
        "requeue", help="queue jobs that were given up again; answers that they have stay"
    )
    requeue.add_argument("id", nargs="+", help=f"ids of jobs, or {_ALL!r}")
    for command in (dead, requeue):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


async def _run(engine: AsyncEngine, arguments: argparse.Namespace) -> int:
    backlog = Backlog(engine)
    if arguments.command == "dead":
        return await _print_dead(backlog, as_json=arguments.json)
    return await _requeue(backlog, arguments)


async def _print_dead(backlog: Backlog, *, as_json: bool) -> int:
    letters = [_letter(record, at) for record, at in await backlog.dead()]
    if as_json:
        return print_json(letters)
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


async def _requeue(backlog: Backlog, arguments: argparse.Namespace) -> int:
    wanted = arguments.id
    if wanted == [_ALL]:
        wanted = [record.id for record, _ in await backlog.dead() if record.is_dead]
    queued = [job for job in wanted if await backlog.requeue(job)]
    unknown = sorted(set(wanted) - set(queued))
    if arguments.json:
        print_json({"queued": queued, "unknown": unknown})
    else:
        print_line(f"queued {len(queued)}")
    if unknown:
        return fail(f"no job that was given up has the id {', '.join(unknown)}")
    return 0


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
