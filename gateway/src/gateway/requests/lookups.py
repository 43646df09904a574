"""Look-ups and deletions: capabilities, languages, usage, jobs, results and webhook secrets."""

from time import monotonic

from starlette.requests import Request
from starlette.responses import Response

from contract.jobs import WebhookSecret, WebhookSecretAnswer
from contract.lookups import UsageAnswer
from gateway.accounts.keys import ApiKey, KeyStore
from gateway.accounts.rates import RateLimits
from gateway.accounts.scopes import USAGE_SCOPE, WEBHOOKS_SCOPE
from gateway.accounts.usage import UsageBook
from gateway.backends import Backends, CallContext
from gateway.hosting.results import ResultStore
from gateway.input.credentials import sent_key
from gateway.jobs.answers import job_answer
from gateway.jobs.runner import JobRunner
from gateway.jobs.webhooks import Webhooks
from gateway.problems import Problem
from gateway.requests.capabilities import find_capabilities, list_languages
from gateway.responses import json_response
from gateway.settings import GatewaySettings

_NO_CONTENT = 204
_NOT_STORED = {"Cache-Control": "no-store"}  # by nobody on the way


class Lookups:
    """Answers requests that no model answers; every method raises a Problem for other answers.

    Args:
        settings: the time of a request, the prices, and which endpoints are off.
        keys: authenticate callers.
        rates: count requests.
        usage: of accounts.
        backends: the services.
        jobs: of accounts.
        results: hosted files.
        webhooks: know the secrets that sign them.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        keys: KeyStore,
        rates: RateLimits,
        usage: UsageBook,
        backends: Backends,
        jobs: JobRunner,
        results: ResultStore,
        webhooks: Webhooks,
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._rates = rates
        self._usage = usage
        self._backends = backends
        self._jobs = jobs
        self._results = results
        self._webhooks = webhooks

    async def languages(self, request: Request) -> Response:
        """Answer GET /api/v1/languages."""
        await self._authenticate(request)
        return json_response(await list_languages(self._backends, self._context(request)))

    async def capabilities(self, request: Request) -> Response:
        """Answer GET /api/v1/capabilities."""
        await self._authenticate(request)
        answer = await find_capabilities(
            self._backends,
            self._context(request),
            off=self._settings.endpoints_off,
            prices=self._settings.prices,
        )
        return json_response(answer)

    async def usage(self, request: Request) -> Response:
        """Answer GET /api/v1/usage."""
        key = await self._authenticate(request, scope=USAGE_SCOPE)
        return json_response(UsageAnswer(await self._usage.report(key.account)))

    async def job(self, request: Request) -> Response:
        """Answer GET /api/v1/jobs/{id}."""
        key = await self._authenticate(request)
        record = await self._jobs.find(
            request.path_params["id"], account=key.account, scopes=key.scopes
        )
        if record is None:
            raise _missing("job")
        return json_response(job_answer(record), headers=_NOT_STORED)

    async def cancel_job(self, request: Request) -> Response:
        """Answer DELETE /api/v1/jobs/{id}."""
        key = await self._authenticate(request)
        if not await self._jobs.cancel(
            request.path_params["id"], account=key.account, scopes=key.scopes
        ):
            raise _missing("job")
        return Response(status_code=_NO_CONTENT)

    async def delete_result(self, request: Request) -> Response:
        """Answer DELETE /api/v1/results/{name}."""
        key = await self._authenticate(request)
        if not await self._results.delete(
            request.path_params["name"], account=key.account, scopes=key.scopes
        ):
            raise _missing("result")
        return Response(status_code=_NO_CONTENT)

    async def webhook_secret(self, request: Request) -> Response:
        """Answer GET /api/v1/webhook-secret."""
        key = await self._authenticate(request, scope=WEBHOOKS_SCOPE)
        secret = WebhookSecret(self._webhooks.secret_of(key.account))
        return json_response(WebhookSecretAnswer(secret), headers=_NOT_STORED)

    async def _authenticate(self, request: Request, *, scope: str | None = None) -> ApiKey:
        """Return the key of a request, which counts for its rate limits."""
        key = await self._keys.check(sent_key(request.headers))
        request.state.account, request.state.key_id = key.account, key.id  # for the log line
        if scope is not None:
            key.check_scope(scope)
        # The edge puts these on the answer, whatever it will be.
        request.state.answer_headers = await self._rates.check(key)
        return key

    def _context(self, request: Request) -> CallContext:
        deadline_s = monotonic() + self._settings.request_timeout_s
        return CallContext(request.state.request_id, "", deadline_s)


def _missing(kind: str) -> Problem:
    return Problem(404, "not_found", f"there is no such {kind}, or it has expired")
