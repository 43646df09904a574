"""Runs a command: through its inputs with a bar for many, or one look-up, to an exit code."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from tqdm import tqdm

from commandkit.cli import FAILURE, SUCCESS, USAGE
from contract.bulk import Bulk
from imagemesh.client.client import AsyncClient
from imagemesh.client.errors import ClientError, InvalidInput
from imagemesh.client.inputs import Input, find_inputs
from imagemesh.client.options import Server, Work
from imagemesh.client.outcomes import Found, Outcome, ask_all, outcome_of
from imagemesh.client.printing import Show, json_line, json_of, reason_of, text_of
from imagemesh.client.waiting import spinner

AskOne: TypeAlias = Callable[[AsyncClient, Input], Awaitable[Found]]


def work_through(
    arguments: Sequence[str], work: Work, ask: AskOne, *, show: Show, suffixes: frozenset[str]
) -> int:
    """Ask about every input and return the exit code.

    Args:
        arguments: files, folders, URLs and "-".
        work: options of the command.
        ask: asks about one input.
        show: makes the text of a result.
        suffixes: of the files that are taken from folders.
    """
    try:
        inputs = find_inputs(arguments, suffixes=suffixes)
        if len(inputs) == 1:
            return asyncio.run(_ask_one(inputs[0], work, ask, show))
        return asyncio.run(_ask_many(inputs, work, ask, show))
    except ClientError as error:
        return _failed(error)


def look_up(server: Server, ask: Callable[[AsyncClient], Awaitable[Any]], *, show: Show) -> int:
    """Ask the server one thing, print it and return the exit code; Any: each its own result."""
    try:
        result = asyncio.run(_look_up(server, ask))
    except ClientError as error:
        return _failed(error)
    _write(json_of({"result": result}) if server.json else show(result))
    return SUCCESS


def work_in_bulk(
    endpoint: str, images: str, settings: Sequence[str], *, output: Path | None, server: Server
) -> int:
    """Have a bulk job done, with a bar, or estimate it, and return the exit code.

    Args:
        endpoint: name of the endpoint.
        images: folder, .zip, .jsonl manifest or URL.
        settings: parameters of the endpoint as NAME=VALUE.
        output: file that is written; None estimates.
        server: options of the server.
    """
    try:
        parameters = dict(map(_parameter, settings))
        return asyncio.run(_work_in_bulk(endpoint, images, parameters, output, server))
    except ClientError as error:
        return _failed(error)


async def _ask_one(given: Input, work: Work, ask: AskOne, show: Show) -> int:
    with spinner() as tell:
        async with work.server.client(tell) as client:
            outcome = await outcome_of(given, partial(ask, client))
    return _tell(outcome, work, show, is_alone=True)


async def _ask_many(inputs: Sequence[Input], work: Work, ask: AskOne, show: Show) -> int:
    codes = {SUCCESS}
    with tqdm(total=len(inputs), unit="file", disable=not sys.stderr.isatty()) as bar:

        def tell(outcome: Outcome) -> None:
            codes.add(_tell(outcome, work, show, is_alone=False))
            bar.update()

        async with work.server.client() as client:
            left = await ask_all(
                inputs, ask=partial(ask, client), tell=tell, parallel=work.parallel
            )
    if left:
        _complain(f"stopped: the other {left} would have met the same")
    return max(codes)


async def _look_up(server: Server, ask: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
    with spinner() as tell:  # Any: as of `look_up`
        async with server.client(tell) as client:
            return await ask(client)


async def _work_in_bulk(
    endpoint: str, images: str, parameters: dict[str, object], output: Path | None, server: Server
) -> int:
    async with server.client() as client:
        run = client.bulk(endpoint, images, **parameters)
        if output is None:
            found = await run.estimate()
            text = f"{found.items} items, {found.price} credits"
            _write(json_of({"result": found}) if server.json else text)
            return SUCCESS
        with tqdm(unit="item", disable=not sys.stderr.isatty()) as bar:
            bulk = await run.save(output, tell=partial(_show, bar))
    text = f"{bulk.done} items, {bulk.failed} failed: {output}"
    _write(json_of({"result": bulk}) if server.json else text)
    return FAILURE if bulk.failed else SUCCESS


def _parameter(text: str) -> tuple[str, object]:
    """Return the name and the value of "limit=3"; a value that is no JSON is a text."""
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise InvalidInput(f"{text!r} is no NAME=VALUE")
    try:
        return name, msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeError):
        return name, value


def _show(bar: "tqdm[Any]", bulk: Bulk) -> None:
    # Any: it iterates over nothing.
    bar.total = bulk.total
    bar.update(bulk.done - bar.n)


def _tell(outcome: Outcome, work: Work, show: Show, *, is_alone: bool) -> int:
    """Print an outcome and return the exit code that it means."""
    has_failed = isinstance(outcome.result, ClientError)
    if work.server.json:
        _write(json_line(outcome))
    elif isinstance(outcome.result, ClientError):
        _complain(f"{outcome.name}: {reason_of(outcome.result)}")
    else:
        text = text_of(outcome.result, show)
        many = f"{outcome.name}:\n{text}\n" if "\n" in text else f"{outcome.name}: {text}"
        _write(text if is_alone else many)
    return FAILURE if has_failed else SUCCESS


def _failed(error: ClientError) -> int:
    _complain(reason_of(error))
    return USAGE if isinstance(error, InvalidInput) else FAILURE


def _write(text: str) -> None:
    tqdm.write(text, file=sys.stdout)  # beside a bar
    sys.stdout.flush()


def _complain(text: str) -> None:
    tqdm.write(f"imagemesh: {text}", file=sys.stderr)
