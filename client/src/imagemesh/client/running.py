"""Runs a command: through its inputs with a bar for many, or one look-up, to an exit code."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from tqdm import tqdm

from contract.bulk import Bulk
from imagemesh.client.arguments import client_of
from imagemesh.client.client import Client
from imagemesh.client.errors import ClientError, InvalidInput
from imagemesh.client.inputs import Input, find_inputs
from imagemesh.client.outcomes import Found, Outcome, ask_all
from imagemesh.client.printing import Show, json_line, json_of, reason_of, text_of

_FAILED: Final = 1
_NOTHING_DONE: Final = 2
_INTERRUPTED: Final = 130  # what shells give for SIGINT

AskOne: TypeAlias = Callable[[Client, Input, argparse.Namespace], Awaitable[Found]]


def work_through(
    arguments: argparse.Namespace, ask: AskOne, *, show: Show, suffixes: frozenset[str]
) -> int:
    """Ask about every input of the arguments and return the exit code.

    Args:
        arguments: those of `input_parser`.
        ask: asks about one input.
        show: makes the text of a result.
        suffixes: of the files that are taken from folders.
    """

    def work() -> int:
        inputs = find_inputs(arguments.inputs, suffixes=suffixes)
        return asyncio.run(_work_through(inputs, arguments, ask, show))

    return _exit_code(work)


def look_up(
    arguments: argparse.Namespace, ask: Callable[[Client], Awaitable[Any]], *, show: Show
) -> int:
    """Ask the server one thing, print it and return the exit code; Any: each its own result."""

    async def work() -> int:
        async with client_of(arguments) as client:
            result = await ask(client)
        _write(json_of({"result": result}) if arguments.json else show(result))
        return 0

    return _exit_code(lambda: asyncio.run(work()))


def work_in_bulk(arguments: argparse.Namespace, parameters: dict[str, object]) -> int:
    """Have a bulk job done, with a bar, and return the exit code.

    Args:
        arguments: endpoint, input, output, dry_run, and those of `server_parser`.
        parameters: of the endpoint.
    """

    async def work() -> int:
        async with client_of(arguments) as client:
            run = client.bulk(arguments.endpoint, arguments.input, **parameters)
            if arguments.dry_run:
                found = await run.estimate()
                text = f"{found.items} items, {found.price} credits"
                _write(json_of({"result": found}) if arguments.json else text)
                return 0
            with tqdm(unit="item", disable=not sys.stderr.isatty()) as bar:
                bulk = await run.save(arguments.output, tell=partial(_show, bar))
        text = f"{bulk.done} items, {bulk.failed} failed: {arguments.output}"
        _write(json_of({"result": bulk}) if arguments.json else text)
        return _FAILED if bulk.failed else 0

    return _exit_code(lambda: asyncio.run(work()))


def _show(bar: "tqdm[Any]", bulk: Bulk) -> None:
    # Any: it iterates over nothing.
    bar.total = bulk.total
    bar.update(bulk.done - bar.n)


async def _work_through(
    inputs: Sequence[Input], arguments: argparse.Namespace, ask: AskOne, show: Show
) -> int:
    failures = 0
    is_alone = len(inputs) == 1
    with tqdm(total=len(inputs), unit="file", disable=is_alone or not sys.stderr.isatty()) as bar:

        def tell(outcome: Outcome) -> None:
            nonlocal failures
            failures += isinstance(outcome.result, ClientError)
            if arguments.json:
                _write(json_line(outcome))
            else:
                _print(outcome, show, is_alone=is_alone)
            bar.update()

        async with client_of(arguments) as client:
            left = await ask_all(
                inputs,
                ask=lambda given: ask(client, given, arguments),
                tell=tell,
                parallel=arguments.parallel,
            )
    if left:
        _complain(f"stopped: the other {left} would have met the same")
    return _FAILED if failures else 0


def _exit_code(work: Callable[[], int]) -> int:
    try:
        return work()
    except InvalidInput as error:
        _complain(str(error))
        return _NOTHING_DONE
    except ClientError as error:
        _complain(reason_of(error))
        return _FAILED
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on, as with `| head`; Python would complain of it again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED


def _print(outcome: Outcome, show: Show, *, is_alone: bool) -> None:
    if isinstance(outcome.result, ClientError):
        _complain(f"{outcome.name}: {reason_of(outcome.result)}")
        return
    text = text_of(outcome.result, show)
    if is_alone:
        _write(text)
    else:
        _write(f"{outcome.name}:\n{text}\n" if "\n" in text else f"{outcome.name}: {text}")


def _write(text: str) -> None:
    tqdm.write(text, file=sys.stdout)  # beside a bar
    sys.stdout.flush()


def _complain(text: str) -> None:
    tqdm.write(f"imagemesh: {text}", file=sys.stderr)
