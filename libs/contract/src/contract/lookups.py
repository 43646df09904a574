"""The JSON of look-ups: capabilities, languages and usage."""

from datetime import date
from typing import Annotated, Final

from msgspec import Meta, Struct

from contract.endpoint import API_PATH

CAPABILITIES_PATH: Final = API_PATH + "capabilities"
LANGUAGES_PATH: Final = API_PATH + "languages"
USAGE_PATH: Final = API_PATH + "usage"
OWN_RESULTS_PATH: Final = API_PATH + "results"
WEBHOOKS_PATH: Final = API_PATH + "webhook-secret"

ErrorRate = Annotated[
    float,
    Meta(ge=0, description="Wrong letters for each right one, measured on one page of it."),
]


class Language(Struct, frozen=True):
    """One language code; `packages` are the Debian packages that hold its data."""

    code: str
    name: str
    installed: bool
    engine: str
    packages: list[str]
    tag: Annotated[str, Meta(description="BCP 47 tag, which can be sent instead of the code.")]
    script: Annotated[str, Meta(description="ISO 15924 code of its script.")]
    route: Annotated[str, Meta(description="How its pages are read.")]
    error_rate: ErrorRate
    photo_error_rate: ErrorRate


class LanguagesAnswer(Struct, frozen=True):
    """Answer of GET /api/v1/languages, ordered by code."""

    result: list[Language]


class UsageOfDay(Struct, frozen=True):
    """Requests of an account on a day, in UTC, at one endpoint, and the credits they cost."""

    day: date
    endpoint: str
    requests: int
    credits: int


class Usage(Struct, frozen=True):
    """Balance and usage of an account; without a balance (null) it is not metered.

    `held` is what calls that still run have reserved, `spent` what all calls have ever cost.
    """

    account: str
    balance: int | None
    held: int
    spent: int
    days: list[UsageOfDay]


class UsageAnswer(Struct, frozen=True):
    """Answer of GET /api/v1/usage: the last 31 days, newest first."""

    result: Usage


class EndpointCapability(Struct, frozen=True):
    """An endpoint that is on; `models` are the names of those that answer it."""

    endpoint: str
    path: str
    summary: str
    price: Annotated[int, Meta(ge=0, description="Credits that a good answer costs.")]
    models: list[str]


class ModelCapability(Struct, frozen=True):
    """A model that a service knows; one that is not in use has neither device nor provider."""

    name: str
    version: str
    task: str
    profile: Annotated[
        str, Meta(description='"embedded" comes with the install, the others are pulled.')
    ]
    device: str | None
    provider: str | None
    licence: str
    source: str
    card: Annotated[
        str, Meta(description="Path in the project of the page that says how good it is.")
    ]


class Capabilities(Struct, frozen=True):
    """Abilities of the mesh now; of services that are away nothing is listed but their names."""

    endpoints: list[EndpointCapability]
    models: list[ModelCapability]
    languages: list[Language]
    away: list[str]


class CapabilitiesAnswer(Struct, frozen=True):
    """Answer of GET /api/v1/capabilities."""

    result: Capabilities
