"""Look-ups and deletions: capabilities, languages, usage, jobs, results and webhook secrets."""

import re
from time import monotonic
from typing import Final

from attrs import define
from starlette.requests import Request
from starlette.responses import Response

from contract.jobs import JobPage, JobPageAnswer, WebhookSecret, WebhookSecretAnswer
from contract.lookups import UsageAnswer
from gateway.accounts.scopes import USAGE_SCOPE, WEBHOOKS_SCOPE
from gateway.accounts.usage import UsageBook
from gateway.backends import Backends, CallContext
from gateway.hosting.results import ResultStore
from gateway.jobs.answers import job_answer, job_of
from gateway.jobs.records import FAILED, QUEUED, RUNNING, SUCCEEDED
from gateway.jobs.submission import Jobs
from gateway.jobs.webhooks import Webhooks
from gateway.problems import Problem
from gateway.requests.admission import Admission
from gateway.requests.capabilities import find_capabilities, list_languages
from gateway.responses import json_response
from gateway.settings import GatewaySettings

MOST_JOBS: Final = 100  # of one page

_USUAL_JOBS: Final = 20
_LIMIT: Final = re.compile(r"[0-9]{1,3}")
_STATUSES: Final = (QUEUED, RUNNING, SUCCEEDED, FAILED)
_NO_CONTENT = 204
_NOT_STORED = {"Cache-Control": "no-store"}  # by nobody on the way


@define(eq=False)
class Lookups:
    """Answers requests that no model answers; every method raises a Problem for other answers."""

    _settings: GatewaySettings
    _admission: Admission
    _usage: UsageBook
    _backends: Backends
    _jobs: Jobs
    _results: ResultStore
    _webhooks: Webhooks

    async def languages(self, request: Request) -> Response:
        """Answer GET /api/v1/languages."""
        await self._admission.admit(request)
        return json_response(await list_languages(self._backends, self._context(request)))

    async def capabilities(self, request: Request) -> Response:
        """Answer GET /api/v1/capabilities."""
        await self._admission.admit(request)
        answer = await find_capabilities(
            self._backends,
            self._context(request),
            off=self._settings.endpoints_off,
            prices=self._settings.prices,
        )
        return json_response(answer)

    async def usage(self, request: Request) -> Response:
        """Answer GET /api/v1/usage."""
        key = await self._admission.admit(request, scope=USAGE_SCOPE)
        return json_response(UsageAnswer(await self._usage.report(key.account)))

    async def list_jobs(self, request: Request) -> Response:
        """Answer GET /api/v1/jobs: a page of the account's jobs, without their answers."""
        key = await self._admission.admit(request)
        limit = _limit(request)
        found = await self._jobs.store.page(
            key.account,
            statuses=_statuses(request),
            limit=limit,
            after=request.query_params.get("after"),
        )
        seen = [job_of(record) for record in found if record.may_be_seen_with(key.scopes)]
        following = found[-1].id if len(found) == limit else None
        return json_response(JobPageAnswer(JobPage(seen, following)), headers=_NOT_STORED)

    async def job(self, request: Request) -> Response:
        """Answer GET /api/v1/jobs/{id}."""
        key = await self._admission.admit(request)
        record = await self._jobs.store.find(
            request.path_params["id"], account=key.account, scopes=key.scopes
        )
        if record is None:
            raise _missing("job")
        return json_response(job_answer(record), headers=_NOT_STORED)

    async def cancel_job(self, request: Request) -> Response:
        """Answer DELETE /api/v1/jobs/{id}."""
        key = await self._admission.admit(request)
        if not await self._jobs.cancel(
            request.path_params["id"], account=key.account, scopes=key.scopes
        ):
            raise _missing("job")
        return Response(status_code=_NO_CONTENT)

    async def delete_result(self, request: Request) -> Response:
        """Answer DELETE /api/v1/results/{name}."""
        key = await self._admission.admit(request)
        if not await self._results.delete(
            request.path_params["name"], account=key.account, scopes=key.scopes
        ):
            raise _missing("result")
        return Response(status_code=_NO_CONTENT)

    async def webhook_secret(self, request: Request) -> Response:
        """Answer GET /api/v1/webhook-secret."""
        key = await self._admission.admit(request, scope=WEBHOOKS_SCOPE)
        secret = WebhookSecret(self._webhooks.secret_of(key.account))
        return json_response(WebhookSecretAnswer(secret), headers=_NOT_STORED)

    def _context(self, request: Request) -> CallContext:
        deadline_s = monotonic() + self._settings.request_timeout_s
        return CallContext(request.state.request_id, "", deadline_s)


def _missing(kind: str) -> Problem:
    return Problem(404, "not_found", f"there is no such {kind}, or it has expired")


def _statuses(request: Request) -> tuple[str, ...]:
    """Return the states that the caller asks for."""
    status = request.query_params.get("status")
    if status is None:
        return _STATUSES
    if status not in _STATUSES:
        message = f"parameter 'status': expected one of {', '.join(_STATUSES)}"
        raise Problem(400, "invalid_parameter", message)
    return (status,)


def _limit(request: Request) -> int:
    """Return how many jobs the caller asks for."""
    text = request.query_params.get("limit", str(_USUAL_JOBS))
    # A few digits: the text of a number may be as long as a URL.
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= MOST_JOBS:
        message = f"parameter 'limit': expected a whole number from 1 to {MOST_JOBS}"
        raise Problem(400, "invalid_parameter", message)
    return int(text)
