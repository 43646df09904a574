"""The JSON of batches, jobs and their webhooks."""

from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from contract.endpoint import API_PATH
from contract.fields import Webhook

BATCH_PATH: Final = API_PATH + "batch"
JOBS_PATH: Final = API_PATH + "jobs"


class BatchRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Several requests in one; each is answered and charged by itself."""

    requests: Annotated[
        list[dict[str, Any]],  # Any: JSON, judged item by item
        Meta(
            min_length=1,
            max_length=16,
            description="Each has the fields of its endpoint, and `endpoint` besides: the last "
            'part of its path, such as "classify".',
        ),
    ]
    webhook: Webhook | UnsetType = UNSET


class ItemAnswer(Struct, frozen=True):
    """Answer to one request of a batch: an HTTP status, and the JSON that comes with it."""

    status: int
    body: Raw


class BatchAnswer(Struct, frozen=True):
    """Answer of POST /api/v1/batch: one for each request, in their order."""

    result: list[ItemAnswer]


class Progress(Struct, frozen=True):
    """Number of a job's requests that are answered; a job that is no batch has one request."""

    done: int
    total: int


class WebhookAttempt(Struct, frozen=True):
    """One delivery of a webhook that was tried; `status` is null where there was no answer."""

    at: datetime
    status: int | None
    seconds: float


class WebhookState(Struct, frozen=True, omit_defaults=True):
    """State of the webhook's delivery: "pending", "delivered" or "failed"."""

    status: str
    attempts: int
    log: list[WebhookAttempt] = []


class Job(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A request that is answered later; `answer` comes when `status` is succeeded or failed."""

    id: str
    url: Annotated[str, Meta(description="Path of the job: GET asks again, DELETE ends it.")]
    status: Annotated[str, Meta(pattern="^(queued|running|succeeded|failed)$")]
    progress: Progress
    created_at: datetime
    expires_at: datetime
    answer: ItemAnswer | None = None
    webhook: WebhookState | None = None


class JobAnswer(Struct, frozen=True):
    """Answer of `Prefer: respond-async` and of GET /api/v1/jobs/{id}, and body of the webhook."""

    result: Job


class JobPage(Struct, frozen=True):
    """Some jobs of an account without their answers, newest first; `next` begins the next page."""

    jobs: list[Job]
    next: str | None = None


class JobPageAnswer(Struct, frozen=True):
    """Answer of GET /api/v1/jobs."""

    result: JobPage


class WebhookSecret(Struct, frozen=True):
    """Secret that signs the webhooks of an account, in the form of standardwebhooks.com."""

    secret: str


class WebhookSecretAnswer(Struct, frozen=True):
    """Answer of GET /api/v1/webhook-secret."""

    result: WebhookSecret
