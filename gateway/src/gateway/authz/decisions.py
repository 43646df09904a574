"""Who may make an RPC without the REST API: a key like any other, or a certificate."""

from dataclasses import dataclass
from typing import Final

from gateway.accounts.keys import ApiKey
from gateway.mesh import Mesh
from gateway.problems import Problem
from gateway.requests.admission import check_endpoint, check_is_on

_COLORIZE: Final = "/imagemesh.colorize.v1.ColorizeService/"
_OCR: Final = "/imagemesh.ocr.v1.OcrService/"
_VISION: Final = "/imagemesh.vision.v1.VisionService/"

# The endpoint whose scope an RPC needs; None where a good key is enough. A test holds it complete.
ENDPOINT_OF_RPC: Final[dict[str, str | None]] = {
    _COLORIZE + "Colorize": "colorize",
    _COLORIZE + "ListModels": None,
    _OCR + "Recognize": "ocr",
    _OCR + "RecognizeDocument": "ocr",
    _OCR + "Analyze": "analyzed-ocr",
    _OCR + "AnalyzeText": "analyzed-text",
    _OCR + "ListLanguages": None,
    _OCR + "ListModels": None,
    _VISION + "Classify": "classify",
    _VISION + "DetectEmotions": "emotions",
    _VISION + "DetectNudity": "nudity",
    _VISION + "ListModels": None,
}


@dataclass(frozen=True, slots=True)
class Question:
    """What Envoy says of an RPC.

    Attributes:
        path: of the RPC, such as "/imagemesh.vision.v1.VisionService/Classify".
        api_key: that the caller sent; empty for none.
        client_id: URI of the certificate that Envoy has verified; empty for none.
    """

    path: str
    api_key: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who may make the RPC, and the fields that tell what is left of the rate limits."""

    caller: str
    headers: dict[str, str]


async def decide(mesh: Mesh, question: Question) -> Admitted:
    """Return who asks, when that caller may.

    A certificate stands for an internal caller, which has all endpoints and no rate limit; a key
    that is sent beside it must be good all the same.

    Raises:
        Problem: 401, 403, 404, 429 or 503.
    """
    if not question.api_key and not question.client_id:
        message = "send your API key in the metadata x-api-key, or call with a client certificate"
        raise Problem(401, "missing_api_key", message)
    if question.path not in ENDPOINT_OF_RPC:
        raise Problem(404, "not_found", "there is no such RPC")
    endpoint = ENDPOINT_OF_RPC[question.path]
    if not question.api_key:
        _check_client(question.client_id, begins=mesh.settings.authz_clients)
        if endpoint is not None:
            check_is_on(mesh, endpoint)
        return Admitted(question.client_id, {})
    key = await mesh.keys.check(question.api_key)
    if endpoint is not None:
        check_endpoint(mesh, key, endpoint)
    await _check_pays_nothing(mesh, key)
    return Admitted(key.account, await mesh.rates.check(key))


def _check_client(client_id: str, *, begins: str) -> None:
    """Refuse certificates of others: whoever signs them also signs those of servers."""
    # An X.509-SVID has one URI; Envoy puts a comma between several.
    if not begins or not client_id.startswith(begins) or "," in client_id:
        message = "the SPIFFE id of the certificate may not call; use one that may, or send a key"
        raise Problem(403, "unknown_client", message)


async def _check_pays_nothing(mesh: Mesh, key: ApiKey) -> None:
    """Refuse accounts that pay: Envoy cannot say how an RPC ended, so none could be refunded."""
    if await mesh.accounts.is_metered(key.account):
        message = "this account pays with credits, which only the REST API charges; ask there"
        raise Problem(403, "metered_account", message)
