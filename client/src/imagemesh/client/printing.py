"""Answers as text for people, and as JSON for programs."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from commandkit.tables import table
from contract.endpoint import AnswerDetails, AnswerWarning
from contract.endpoints.analyzed_text import Analysis
from contract.endpoints.classify import Label
from contract.endpoints.colorize import Colorized
from contract.endpoints.emotions import Face
from contract.endpoints.nudity import Nudity
from contract.endpoints.ocr import HostedPdf, ReadPages, Text
from contract.lookups import Language, Usage
from imagemesh.client.errors import ApiError, ClientError
from imagemesh.client.outcomes import Found, Outcome

Show = Callable[[Any], str]  # Any: the result of each command

_OK: Final = 200
_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")  # the capitals within a class's name


class _Error(Struct, frozen=True, omit_defaults=True):
    code: str
    message: str
    request_id: str = ""


class _Line(Struct, frozen=True, omit_defaults=True, kw_only=True):
    file: str
    status: int | None
    answer: Any = None  # as above
    saved: str | None = None
    error: _Error | None = None


def json_of(value: object) -> str:
    """Return a value as JSON, in one line."""
    return msgspec.json.encode(value).decode()


def json_line(outcome: Outcome) -> str:
    """Return an outcome as one JSON object; `status` is null where no server answered."""
    name, result = outcome.name, outcome.result
    if isinstance(result, Found):
        saved = None if result.saved is None else str(result.saved)
        return json_of(_Line(file=name, status=_OK, answer=result.answer, saved=saved))
    if isinstance(result, ApiError):
        error = _Error(result.code, result.message, result.request_id)
        return json_of(_Line(file=name, status=result.status, error=error))
    # What no server has a code for is called by its class.
    code = _WORD_START.sub("_", type(result).__name__).lower()
    return json_of(_Line(file=name, status=None, error=_Error(code, str(result))))


def text_of(found: Found, show: Show) -> str:
    """Return what was found as text, with a line on the model where that was asked for."""
    text = show(found.answer.result) if found.saved is None else str(found.saved)
    if found.answer.details is None:
        return text
    details = found.answer.details
    warnings = [_warning(each) for each in details.warnings or ()]
    return "\n".join([text, *warnings, _source(details)])


def reason_of(error: ClientError) -> str:
    """Return why there is no answer, with what the operator wants to know."""
    if isinstance(error, ApiError) and error.request_id:
        return f"{error} ({error.status} {error.code}, request {error.request_id})"
    return str(error)


def show_colorized(result: Colorized) -> str:
    """Return the URL."""
    return result.colorized


def show_read(result: Text | ReadPages | HostedPdf | str) -> str:
    """Return the text, the document, the pages as JSON, or the URL of a PDF."""
    if isinstance(result, Text):
        return result.text
    if isinstance(result, HostedPdf):
        return result.pdf
    return result if isinstance(result, str) else json_of(result)


def show_analysis(result: Analysis) -> str:
    """Return what was found, or why there is nothing."""
    if result.notice is not None:
        return f"not analyzed: {result.notice}"
    sentiment = result.sentiment
    return (
        f"summary: {result.text.summary}\n"
        f"sentiment: {sentiment.result} {sentiment.confidence:.2f}\n"
        f"tags: {result.tags}"
    )


def show_faces(result: Sequence[Face]) -> str:
    """Return a line for each face."""
    return "\n".join(_face(face) for face in result) or "no face"


def show_labels(result: Sequence[Label]) -> str:
    """Return a line for each label."""
    return "\n".join(f"{label.confidence:.3f}  {label.tag}" for label in result) or "no label"


def show_nudity(result: Nudity) -> str:
    """Return the judgement."""
    return f"{'nude' if result.is_nude else 'not nude'} {result.confidence:.3f}"


def show_languages(languages: Sequence[Language]) -> str:
    """Return a table."""
    rows = [
        (each.code, "yes" if each.installed else "no", each.engine, each.name) for each in languages
    ]
    return table([("CODE", "INSTALLED", "ENGINE", "NAME"), *rows])


def show_usage(usage: Usage) -> str:
    """Return the balance, and a table of the days."""
    balance = "unmetered" if usage.balance is None else str(usage.balance)
    rows = [(str(day.day), str(day.requests), str(day.credits), day.endpoint) for day in usage.days]
    head = f"{usage.account}: balance {balance}, held {usage.held}, spent {usage.spent}"
    return f"{head}\n{table([('DAY', 'REQUESTS', 'CREDITS', 'ENDPOINT'), *rows])}"


def _face(face: Face) -> str:
    places = " ".join(
        f"({at.left}, {at.top})-({at.right}, {at.bottom})" for at in face.face_coordinates
    )
    emotions = ", ".join(f"{each.emotion} {each.confidence:.2f}" for each in face.emotions)
    return f"{places}: {emotions}"


def _warning(warning: AnswerWarning) -> str:
    page = f"page {warning.page}: " if warning.page else ""
    return f"[{warning.code}: {page}{warning.message}]"


def _source(details: AnswerDetails) -> str:
    model = details.model
    return f"[{model.name} {model.version} on {model.device}, {details.seconds:.2f} s]"
