"""The contract on the wire: field numbers, JSON names and encodings that callers rely on.

The golden values were written by hand from the protobuf encoding rules, not printed by the code.
"""

import pytest
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from imagemesh.admin.v1 import admin_service_pb2 as admin
from imagemesh.colorize.v1 import colorize_service_pb2 as colorize
from imagemesh.image.v1 import image_pb2 as image
from imagemesh.ocr.v1 import analysis_pb2 as analysis
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr
from imagemesh.ocr.v1 import page_pb2 as page
from imagemesh.vision.v1 import vision_service_pb2 as vision

FIELDS = {
    "image.v1.Box": "left=1 top=2 right=3 bottom=4",
    "image.v1.Point": "x=1 y=2",
    "image.v1.Size": "width=1 height=2",
    "image.v1.Warning": "code=1 message=2",
    "image.v1.Model": "name=1 version=2 device=3 provider=4",
    "image.v1.ModelInfo": "model=1 task=2 profile=3 licence=4 source=5 card=6",
    "colorize.v1.ListModelsRequest": "",
    "colorize.v1.ListModelsResponse": "models=1",
    "ocr.v1.ListModelsRequest": "",
    "ocr.v1.ListModelsResponse": "models=1",
    "vision.v1.ListModelsRequest": "",
    "vision.v1.ListModelsResponse": "models=1",
    "colorize.v1.ColorizeRequest": "image=1 strength=2",
    "colorize.v1.ColorizeResponse": "image=1 media_type=2 size=3 already_colored=4 model=5 "
    "seconds=6 warnings=7",
    "ocr.v1.Word": "text=1 confidence=2 corners=3",
    "ocr.v1.Line": "text=1 confidence=2 corners=3 words=4 block=5 script=6 language=7",
    "ocr.v1.Block": "corners=1",
    "ocr.v1.Document": "content=1 media_type=2",
    "ocr.v1.Language": "code=1 name=2 installed=3 engine=4 packages=5 tag=6 script=7 "
    "route=8 error_rate=9 photo_error_rate=10",
    "ocr.v1.Sentiment": "label=1 confidence=2",
    "ocr.v1.Analysis": "summary=1 sentiment=2 tags=3 language=4 notice=5 model=6 "
    "summary_model=7 sentiment_model=8",
    "ocr.v1.RecognizeRequest": "image=1 language=2 min_confidence=3",
    "ocr.v1.RecognizeResponse": "text=1 lines=2 language=3 confidence=4 rotation_degrees=5 size=6 "
    "model=7 seconds=8 route=9 blocks=10 skew_degrees=11 "
    "warnings=12",
    "ocr.v1.Warning": "code=1 message=2",
    "ocr.v1.RecognizeDocumentRequest": "document=1 language=2 min_confidence=3 pages=4 format=5 "
    "text_layer=6",
    "ocr.v1.RecognizeDocumentResponse": "page=1 document=2",
    "ocr.v1.DocumentPage": "number=1 page_count=2 read=3 dots_per_inch=4 vertical_dots_per_inch=5",
    "ocr.v1.AnalyzeRequest": "image=1 pages=2 summary=3",
    "ocr.v1.AnalyzeResponse": "text=1 analysis=2 model=3 seconds=4 page_count=5 warnings=6",
    "ocr.v1.PageWarning": "number=1 warning=2",
    "ocr.v1.AnalyzeTextRequest": "text=1 summary=2",
    "ocr.v1.AnalyzeTextResponse": "analysis=1 model=2 seconds=3",
    "ocr.v1.ListLanguagesRequest": "",
    "ocr.v1.ListLanguagesResponse": "languages=1",
    "vision.v1.ClassifyRequest": "image=1 limit=2",
    "vision.v1.ClassifyResponse": "labels=1 model=2 seconds=3 warnings=4",
    "vision.v1.Label": "tag=1 confidence=2",
    "vision.v1.DetectFacesRequest": "image=1",
    "vision.v1.DetectFacesResponse": "boxes=1 model=2 seconds=3 warnings=4",
    "vision.v1.DetectEmotionsRequest": "image=1 limit=2",
    "vision.v1.DetectEmotionsResponse": "faces=1 model=2 face_model=3 seconds=4 warnings=5",
    "vision.v1.Face": "box=1 emotions=2",
    "vision.v1.Emotion": "name=1 confidence=2",
    "vision.v1.DetectNudityRequest": "image=1 frames=2 policy=3",
    "vision.v1.NudityClass": "name=1 confidence=2",
    "vision.v1.DetectNudityResponse": "is_nude=1 confidence=2 threshold=3 model=4 seconds=5 "
    "frame_count=6 worst_frame=7 warnings=8 policy=9 severity=10 classes=11",
    "admin.v1.CreateKeyRequest": "account=1 scopes=2 days=3 policy=4",
    "admin.v1.CreateKeyResponse": "id=1 key=2",
    "admin.v1.ListKeysRequest": "page_size=1 page_token=2",
    "admin.v1.ListKeysResponse": "keys=1 next_page_token=2",
    "admin.v1.Key": "id=1 account=2 scopes=3 created_at=4 expires_at=5 revoked_at=6 last_used_at=7 "
    "policy=8",
    "admin.v1.RevokeKeyRequest": "id=1",
    "admin.v1.RevokeKeyResponse": "",
    "admin.v1.RotateKeyRequest": "id=1 grace_days=2",
    "admin.v1.RotateKeyResponse": "id=1 key=2",
    "admin.v1.CreateAccountRequest": "name=1",
    "admin.v1.CreateAccountResponse": "",
    "admin.v1.ListAccountsRequest": "page_size=1 page_token=2",
    "admin.v1.ListAccountsResponse": "accounts=1 next_page_token=2",
    "admin.v1.Account": "name=1 balance=2 held=3 created_at=4",
    "admin.v1.CreditAccountRequest": "name=1 amount=2",
    "admin.v1.CreditAccountResponse": "balance=1",
    "admin.v1.GetUsageRequest": "name=1",
    "admin.v1.GetUsageResponse": "balance=1 held=2 spent=3 days=4",
    "admin.v1.UsageOfDay": "day=1 endpoint=2 requests=3 credits=4",
}

METHODS = {
    "colorize.v1.ColorizeService": ["Colorize", "ListModels"],
    "ocr.v1.OcrService": [
        "Recognize",
        "RecognizeDocument",
        "Analyze",
        "AnalyzeText",
        "ListLanguages",
        "ListModels",
    ],
    "vision.v1.VisionService": [
        "Classify",
        "DetectFaces",
        "DetectEmotions",
        "DetectNudity",
        "ListModels",
    ],
    "admin.v1.AdminService": [
        "CreateKey",
        "ListKeys",
        "RevokeKey",
        "RotateKey",
        "CreateAccount",
        "ListAccounts",
        "CreditAccount",
        "GetUsage",
    ],
}

FILES_OF_MODELS = (image, colorize, page, analysis, ocr, vision)
FILES = (*FILES_OF_MODELS, admin)


def test_every_message_is_in_the_table() -> None:
    messages = {
        descriptor.full_name.removeprefix("imagemesh.")
        for file in FILES
        for descriptor in file.DESCRIPTOR.message_types_by_name.values()
    }

    assert messages == FIELDS.keys()


@pytest.mark.parametrize(("name", "fields"), FIELDS.items())
def test_field_names_and_numbers_stay(name: str, fields: str) -> None:
    descriptor: Descriptor = descriptor_pool.Default().FindMessageTypeByName(f"imagemesh.{name}")

    found = " ".join(f"{field.name}={field.number}" for field in descriptor.fields)

    assert found == fields


@pytest.mark.parametrize(("name", "methods"), METHODS.items())
def test_every_rpc_has_its_own_request_and_response(name: str, methods: list[str]) -> None:
    service = descriptor_pool.Default().FindServiceByName(f"imagemesh.{name}")

    assert [method.name for method in service.methods] == methods
    for method in service.methods:
        assert method.input_type.name == f"{method.name}Request"
        assert method.output_type.name == f"{method.name}Response"


def test_every_response_of_a_model_names_it() -> None:
    responses = [
        descriptor
        for file in FILES_OF_MODELS
        for name, descriptor in file.DESCRIPTOR.message_types_by_name.items()
        if name.endswith("Response")
        and not name.startswith("List")
        # Its pages are responses that do.
        and name != "RecognizeDocumentResponse"
    ]

    assert len(responses) == 8
    for descriptor in responses:
        field = descriptor.fields_by_name["model"]
        assert field.message_type.full_name == "imagemesh.image.v1.Model"


GOLDEN = [
    (image.Box(left=68, top=43, right=291, bottom=266), "0844 102b 18a302 208a02"),
    (image.Model(name="a", version="1", device="cpu"), "0a0161 120131 1a03637075"),
    (ocr.RecognizeRequest(image=b"\xff\xd8", language="eng"), "0a02ffd8 1203656e67"),
    (vision.DetectEmotionsRequest(image=b"x", limit=5), "0a0178 1005"),
    (
        vision.DetectNudityResponse(is_nude=True, confidence=1.0, threshold=0.5),
        "0801 11000000000000f03f 19000000000000e03f",
    ),
    (
        analysis.Sentiment(label=analysis.SENTIMENT_LABEL_NEGATIVE, confidence=0.5),
        "0803 11000000000000e03f",
    ),
    (
        colorize.ColorizeResponse(image=b"\x89", media_type="image/png", already_colored=True),
        "0a0189 1209696d6167652f706e67 2001",
    ),
    (ocr.RecognizeResponse(text="é", rotation_degrees=270), "0a02c3a9 288e02"),
]


@pytest.mark.parametrize(("message", "encoded"), GOLDEN)
def test_encoding_is_golden(message: Message, encoded: str) -> None:
    expected = bytes.fromhex(encoded)

    assert message.SerializeToString(deterministic=True) == expected
    assert type(message).FromString(expected) == message


def test_json_names_are_lower_camel() -> None:
    response = colorize.ColorizeResponse(media_type="image/png", already_colored=True)

    assert json_format.MessageToDict(response) == {
        "mediaType": "image/png",
        "alreadyColored": True,
    }
