"""Outcomes of requests that are part of another answer: items of a batch, and jobs."""

from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from contract.errors import ErrorAnswer, ErrorBody
from contract.jobs import ItemAnswer
from gateway.problems import PASSING, Problem

_OK = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """An HTTP status, and the JSON of the body that goes with it."""

    status: int
    body: bytes
    is_passing: bool = False  # true for an error that passes by itself

    @property
    def is_good(self) -> bool:
        """True for an answer, False for an error."""
        return self.status == _OK

    def as_item(self) -> ItemAnswer:
        """Return it as part of another answer."""
        return ItemAnswer(self.status, msgspec.Raw(self.body))


def answered(response: Response) -> Outcome:
    """Return the outcome that is this response."""
    return Outcome(response.status_code, bytes(response.body))


def refused(problem: Problem, *, request_id: str) -> Outcome:
    """Return the outcome of a request that ended with `problem`."""
    body = ErrorAnswer(ErrorBody(problem.code, str(problem), request_id))
    is_passing = problem.code in PASSING
    return Outcome(problem.status, msgspec.json.encode(body), is_passing)


def broken(*, request_id: str) -> Outcome:
    """Return the outcome of a request that met a fault of the gateway itself."""
    message = "the gateway failed; report the request id"
    return refused(Problem(500, "internal", message), request_id=request_id)
