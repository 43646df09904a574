"""What a caller can look up or take away: capabilities, usage, jobs, results, and so on."""

from starlette.requests import Request
from starlette.responses import Response

from gateway import contract, job_contract
from gateway.accounts.scopes import USAGE_SCOPE, WEBHOOKS_SCOPE
from gateway.jobs.answers import job_answer
from gateway.mesh import Mesh
from gateway.problems import Problem
from gateway.requests.admission import admit
from gateway.requests.capabilities import find_capabilities
from gateway.requests.endpoints import list_languages
from gateway.responses import json_response

_NO_CONTENT = 204
_NOT_STORED = {"Cache-Control": "no-store"}  # by nobody on the way


class Lookups:
    """Answers what asks no model; every method raises a Problem for any other answer."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def languages(self, request: Request) -> Response:
        """Answer GET /api/v1/languages."""
        await admit(self._mesh, request)
        answer = await list_languages(
            self._mesh,
            timeout_s=self._mesh.settings.request_timeout_s,
            request_id=request.state.request_id,
        )
        return json_response(answer)

    async def capabilities(self, request: Request) -> Response:
        """Answer GET /api/v1/capabilities."""
        await admit(self._mesh, request)
        answer = await find_capabilities(
            self._mesh,
            timeout_s=self._mesh.settings.request_timeout_s,
            request_id=request.state.request_id,
        )
        return json_response(answer)

    async def usage(self, request: Request) -> Response:
        """Answer GET /api/v1/usage."""
        key = await admit(self._mesh, request, scope=USAGE_SCOPE)
        return json_response(contract.UsageAnswer(await self._mesh.usage.report(key.account)))

    async def job(self, request: Request) -> Response:
        """Answer GET /api/v1/jobs/{id}."""
        key = await admit(self._mesh, request)
        record = await self._mesh.jobs.find(
            request.path_params["id"], account=key.account, scopes=key.scopes
        )
        if record is None:
            raise _no_job()
        return json_response(job_answer(record), headers=_NOT_STORED)

    async def cancel_job(self, request: Request) -> Response:
        """Answer DELETE /api/v1/jobs/{id}."""
        key = await admit(self._mesh, request)
        if not await self._mesh.jobs.cancel(
            request.path_params["id"], account=key.account, scopes=key.scopes
        ):
            raise _no_job()
        return Response(status_code=_NO_CONTENT)

    async def delete_result(self, request: Request) -> Response:
        """Answer DELETE /api/v1/results/{name}."""
        key = await admit(self._mesh, request)
        if not await self._mesh.results.delete(
            request.path_params["name"], account=key.account, scopes=key.scopes
        ):
            raise Problem(404, "not_found", "there is no such result, or it has expired")
        return Response(status_code=_NO_CONTENT)

    async def webhook_secret(self, request: Request) -> Response:
        """Answer GET /api/v1/webhook-secret."""
        key = await admit(self._mesh, request, scope=WEBHOOKS_SCOPE)
        secret = self._mesh.webhooks.secret_of(key.account)
        return json_response(
            job_contract.WebhookSecretAnswer(job_contract.WebhookSecret(secret)),
            headers=_NOT_STORED,
        )


def _no_job() -> Problem:
    return Problem(404, "not_found", "there is no such job, or it has expired")
