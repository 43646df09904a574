"""The JSON of bulk jobs: one endpoint is asked about as many images as there are."""

from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from contract.endpoint import API_PATH

BULK_PATH: Final = API_PATH + "bulk"


class BulkRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Work of a bulk job; a form has the same fields as texts, then `archive` or `manifest`."""

    endpoint: Annotated[
        str, Meta(description='Last part of the path of an endpoint of images, such as "classify".')
    ]
    parameters: Annotated[
        dict[str, Any],  # Any: JSON, checked by the endpoint
        Meta(description="Fields of the endpoint but `url`, `image` and `webhook`."),
    ] = {}
    source: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=2000,
                description="Folder that the operator allows, such as s3://bucket/images/. Its "
                "files are the items; with a `manifest` its keys begin there.",
            ),
        ]
        | UnsetType
    ) = UNSET
    dry_run: Annotated[
        bool, Meta(description="Count the items and tell their price; nothing is kept.")
    ] = False


class Bulk(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A bulk job; `done` counts the `failed` items too."""

    id: str
    url: Annotated[str, Meta(description="Path of the job: GET asks again, DELETE ends it.")]
    events: Annotated[str, Meta(description="Path of the same as server-sent events.")]
    status: Annotated[str, Meta(pattern="^(receiving|queued|running|succeeded)$")]
    endpoint: str
    done: int
    failed: int
    total: int
    items_per_second: float
    created_at: datetime
    expires_at: datetime
    remaining_seconds: float | None = None
    output: (
        Annotated[
            str, Meta(description="Path of the output, JSON Lines in the order of the items.")
        ]
        | None
    ) = None


class BulkAnswer(Struct, frozen=True):
    """Answer of POST /api/v1/bulk and of GET /api/v1/bulk/{id}."""

    result: Bulk


class BulkPage(Struct, frozen=True):
    """The newest bulk jobs of an account."""

    jobs: list[Bulk]


class BulkPageAnswer(Struct, frozen=True):
    """Answer of GET /api/v1/bulk."""

    result: BulkPage


class BulkEstimate(Struct, frozen=True):
    """Number of items, and the credits that they cost where each is answered."""

    items: int
    price: int


class BulkEstimateAnswer(Struct, frozen=True):
    """Answer of POST /api/v1/bulk with `dry_run`."""

    result: BulkEstimate


class BulkLine(Struct, frozen=True):
    """Line of the output: an item, an HTTP status, and the JSON that comes with it."""

    number: int
    name: str
    status: int
    body: Raw
