"""The vision service over real gRPC."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import ExifTags, Image

from imagemesh.image.v1.image_pb2 import Model
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from modelkit.images import encode_image
from servicekit.statuses import reason_of
from tests.serving import connected, failure
from tests.vision.drawn import draw_face, draw_flat, draw_ramp
from vision.policies import NudityPolicy
from vision.service import NAME, build_service
from vision.settings import VisionSettings

RPCS = ("Classify", "DetectFaces", "DetectEmotions", "DetectNudity")
REQUESTS: dict[str, Any] = {  # Any: each is made of its own fields
    "Classify": pb.ClassifyRequest,
    "DetectFaces": pb.DetectFacesRequest,
    "DetectEmotions": pb.DetectEmotionsRequest,
    "DetectNudity": pb.DetectNudityRequest,
}
RAMP = encode_image(draw_ramp(320, 240), "image/png")
FACE = encode_image(draw_face(400), "image/jpeg")
LONG = encode_image(draw_ramp(900, 240), "image/png")  # which the classifier sees as three squares
LARGE = encode_image(draw_flat(4000, 4000, (90, 110, 140)), "image/png")


@asynccontextmanager
async def running(models_dir: Path, **changes: Any) -> AsyncIterator[grpc.aio.Channel]:
    """Serve with settings of a test; Any: the values of any field."""
    fixed = {"port": 0, "metrics_port": 0, "models_dir": models_dir, "threads": 1}
    settings = VisionSettings(**{**fixed, **changes})
    async with connected(build_service(settings), settings) as channel:
        yield channel


@pytest.fixture(scope="module")
async def channel(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[grpc.aio.Channel]:
    async with running(tmp_path_factory.mktemp("models")) as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel: grpc.aio.Channel) -> "rpc.VisionServiceAsyncStub":
    return rpc.VisionServiceStub(channel)


# Any: a call of any RPC
def call(channel: grpc.aio.Channel, method: str, image: bytes, **fields: int | str) -> Any:
    return getattr(rpc.VisionServiceStub(channel), method)(REQUESTS[method](image=image, **fields))


async def test_service_is_healthy_once_its_models_are_loaded(channel: grpc.aio.Channel) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types

    answer = await health.Check(health_pb2.HealthCheckRequest(service=NAME))

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("Classify", "efficientnet-lite1"),
        ("DetectFaces", "centerface"),
        ("DetectEmotions", "tiny-emotions"),
        ("DetectNudity", "open-nsfw"),
    ],
)
async def test_answer_names_its_model_and_time(
    channel: grpc.aio.Channel, method: str, name: str
) -> None:
    answer = await call(channel, method, RAMP)

    assert (answer.model.name, answer.model.device) == (name, "cpu")
    assert answer.model.version
    assert answer.seconds > 0


@pytest.mark.parametrize(("limit", "count"), [(0, 5), (1, 1), (1000, 1000)])
async def test_classify_returns_the_best_labels(
    stub: "rpc.VisionServiceAsyncStub", limit: int, count: int
) -> None:
    answer = await stub.Classify(pb.ClassifyRequest(image=RAMP, limit=limit))

    confidences = [label.confidence for label in answer.labels]
    assert len(confidences) == count
    assert confidences == sorted(confidences, reverse=True)
    assert 0 < sum(confidences) < 1.0001
    assert all(label.tag for label in answer.labels)


async def test_photos_sent_at_once_get_the_answers_that_they_have_alone(
    stub: "rpc.VisionServiceAsyncStub",
) -> None:
    photos = [RAMP, FACE, LONG, b"no image"]

    async def classify(photo: bytes) -> object:
        try:
            return (await stub.Classify(pb.ClassifyRequest(image=photo))).labels
        except grpc.aio.AioRpcError as error:
            return error.code()

    alone = [await classify(photo) for photo in photos]
    at_once = await asyncio.gather(*map(classify, 4 * photos))

    assert alone[3] == grpc.StatusCode.INVALID_ARGUMENT
    assert at_once == 4 * alone


@pytest.mark.parametrize(
    ("method", "limit", "most", "usual"),
    [
        ("Classify", -1, 1000, 5),
        ("Classify", 1001, 1000, 5),
        ("DetectEmotions", -1, 7, 7),
        ("DetectEmotions", 8, 7, 7),
    ],
)
async def test_limit_beyond_the_classes_is_refused(
    channel: grpc.aio.Channel, method: str, limit: int, most: int, usual: int
) -> None:
    code, reason, message = await failure(call(channel, method, RAMP, limit=limit))

    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "invalid_request")
    assert message == f"limit is {limit}; it must be from 1 to {most}, or 0 for {usual}"


@pytest.mark.parametrize(("limit", "count"), [(0, 7), (3, 3)])
async def test_emotions_of_a_face_come_with_its_box(
    stub: "rpc.VisionServiceAsyncStub", limit: int, count: int
) -> None:
    answer = await stub.DetectEmotions(pb.DetectEmotionsRequest(image=FACE, limit=limit))

    (face,) = answer.faces
    corners = [face.box.left, face.box.top, face.box.right, face.box.bottom]
    assert corners == pytest.approx([120, 100, 282, 316], abs=12)
    assert len({emotion.name for emotion in face.emotions}) == count
    confidences = [emotion.confidence for emotion in face.emotions]
    assert confidences == sorted(confidences, reverse=True)


async def test_faces_are_the_boxes_that_the_emotions_come_with(
    stub: "rpc.VisionServiceAsyncStub",
) -> None:
    two = encode_image(np.hstack([draw_face(400), draw_face(400)]), "image/jpeg")

    found = await stub.DetectFaces(pb.DetectFacesRequest(image=two))
    read = await stub.DetectEmotions(pb.DetectEmotionsRequest(image=two))

    assert [box.left // 400 for box in found.boxes] == [0, 1]
    assert list(found.boxes) == [face.box for face in read.faces]
    assert found.model == read.face_model


@pytest.mark.parametrize("quarters", [1, 2, 3])
async def test_face_on_its_side_is_read_where_nothing_tells_what_is_up(
    stub: "rpc.VisionServiceAsyncStub", quarters: int
) -> None:
    face = draw_face(400)
    lying = np.ascontiguousarray(np.rot90(face, quarters))
    told = Image.Exif()
    told[ExifTags.Base.Orientation] = 1
    output = io.BytesIO()
    Image.fromarray(lying).save(output, "JPEG", exif=told)

    upright = await stub.DetectEmotions(
        pb.DetectEmotionsRequest(image=encode_image(face, "image/jpeg"))
    )
    untold = await stub.DetectEmotions(
        pb.DetectEmotionsRequest(image=encode_image(lying, "image/jpeg"))
    )
    oriented = await stub.DetectEmotions(pb.DetectEmotionsRequest(image=output.getvalue()))

    (found,), (expected,) = untold.faces, upright.faces
    left, top, right, bottom = (
        getattr(expected.box, side) for side in ("left", "top", "right", "bottom")
    )
    for _ in range(quarters):
        left, top, right, bottom = top, 400 - right, bottom, 400 - left
    box = [found.box.left, found.box.top, found.box.right, found.box.bottom]
    assert box == pytest.approx([left, top, right, bottom], abs=20)
    scores = {one.name: one.confidence for one in expected.emotions}
    assert sum(abs(one.confidence - scores[one.name]) for one in found.emotions) < 0.5
    assert len(oriented.faces) <= 1


async def test_no_face_is_an_empty_answer(stub: "rpc.VisionServiceAsyncStub") -> None:
    answer = await stub.DetectEmotions(pb.DetectEmotionsRequest(image=RAMP))

    assert list(answer.faces) == []
    assert answer.face_model == Model(
        name="centerface", version="1.5.0", device="cpu", provider="CPUExecutionProvider"
    )


async def test_harmless_photo_is_not_nude(stub: "rpc.VisionServiceAsyncStub") -> None:
    answer = await stub.DetectNudity(pb.DetectNudityRequest(image=FACE))

    assert (answer.is_nude, answer.threshold) == (False, 0.8)
    assert 0 <= answer.confidence < 0.1


def animated(*levels: int) -> bytes:
    """Return a GIF of a face, then of flat frames of these levels of grey."""
    face = Image.fromarray(draw_face(96))
    others = [Image.new("RGB", (96, 96), (level,) * 3) for level in levels]
    output = io.BytesIO()
    face.save(output, "GIF", save_all=True, append_images=others, duration=40)
    return output.getvalue()


@pytest.mark.parametrize("levels", [(0, 90, 250), (200,), (30, 60)])
async def test_worst_frame_of_an_animation_decides(
    stub: "rpc.VisionServiceAsyncStub", levels: tuple[int, ...]
) -> None:
    content = animated(*levels)
    alone = [
        (await stub.DetectNudity(pb.DetectNudityRequest(image=encode_frame(content, number))))
        for number in range(1 + len(levels))
    ]

    first = await stub.DetectNudity(pb.DetectNudityRequest(image=content))
    whole = await stub.DetectNudity(pb.DetectNudityRequest(image=content, frames=pb.FRAMES_ALL))

    scores = [answer.confidence for answer in alone]
    assert (first.frame_count, first.worst_frame) == (1, 1)
    assert first.confidence == pytest.approx(scores[0])
    assert (whole.frame_count, whole.worst_frame) == (len(scores), 1 + scores.index(max(scores)))
    assert whole.confidence == pytest.approx(max(scores))


def encode_frame(content: bytes, number: int) -> bytes:
    """Return a frame of an animation as a PNG."""
    with Image.open(io.BytesIO(content)) as image:
        image.seek(number)
        return encode_image(np.asarray(image.convert("RGB")), "image/png")


@pytest.mark.parametrize("method", RPCS)
async def test_jpeg_without_its_last_bytes_is_answered_with_a_warning(
    channel: grpc.aio.Channel, method: str
) -> None:
    answer = await call(channel, method, FACE[:-30])

    assert [warning.code for warning in answer.warnings] == ["truncated"]


async def test_nudity_threshold_is_a_setting(tmp_path: Path) -> None:
    async with running(tmp_path, nudity_threshold=0.0) as channel:
        answer = await call(channel, "DetectNudity", FACE)

    assert (answer.is_nude, answer.threshold) == (True, 0.0)


async def test_nudity_is_judged_by_the_policy_that_is_named(tmp_path: Path) -> None:
    policies = {"strict": NudityPolicy(0.0), "lenient": NudityPolicy(1.0)}
    async with running(tmp_path, nudity_policies=policies) as channel:
        answers = [
            await call(channel, "DetectNudity", FACE, policy=name) for name in ("", *policies)
        ]
        code, reason, message = await failure(call(channel, "DetectNudity", FACE, policy="lax"))

    assert [(one.policy, one.threshold, one.is_nude) for one in answers] == [
        ("default", 0.8, False),
        ("strict", 0.0, True),
        ("lenient", 1.0, False),
    ]
    assert {(one.severity, len(one.classes)) for one in answers} == {(pb.SEVERITY_UNSPECIFIED, 0)}
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "invalid_request")
    assert message == "policy 'lax' is not known; known are: default, lenient, strict"


async def test_missing_model_fails_its_calls_and_is_not_serving(tmp_path: Path) -> None:
    """Of classify there is no better model of this profile than the embedded one."""
    async with running(tmp_path, profile="standard") as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types
        health_answer = await health.Check(health_pb2.HealthCheckRequest(service=NAME))
        answer = await call(channel, "Classify", RAMP)
        code, reason, message = await failure(call(channel, "DetectEmotions", RAMP))

    assert health_answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert answer.model.name == "efficientnet-lite1"
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "model_not_installed")
    assert "imagemesh models pull enet-b2-8" in message


async def test_installed_yunet_finds_the_faces(tmp_path: Path, shared_dir: Path) -> None:
    folder = tmp_path / "yunet-0047ac24afb1"
    folder.mkdir()
    content = (shared_dir / "models" / "yunet_n_640_640.onnx").read_bytes()
    (folder / "yunet_n_640_640.onnx").write_bytes(content)

    async with running(tmp_path) as channel:
        answer = await call(channel, "DetectEmotions", FACE)

    assert answer.face_model == Model(
        name="yunet", version="0047ac24afb1", device="cpu", provider="CPUExecutionProvider"
    )
    assert len(answer.faces) == 1


async def test_images_sent_together_get_the_answers_they_get_alone(
    channel: grpc.aio.Channel,
) -> None:
    images = [RAMP, FACE] + [
        encode_image(draw_flat(90 + n, 60, (n, 90, 200 - n)), "image/png") for n in range(12)
    ]
    alone = [await call(channel, "Classify", image) for image in images]

    together = await asyncio.gather(*(call(channel, "Classify", image) for image in images))

    for one, other in zip(alone, together, strict=True):
        assert other.labels == one.labels


@pytest.mark.parametrize("method", RPCS)
async def test_unreadable_images_leave_their_neighbors_alone(
    channel: grpc.aio.Channel, method: str
) -> None:
    images = [RAMP[:-30] if n % 4 == 1 else FACE for n in range(8)]

    answers = await asyncio.gather(
        *(call(channel, method, image) for image in images), return_exceptions=True
    )

    reasons = {
        n: reason_of(answer)
        for n, answer in enumerate(answers)
        if isinstance(answer, grpc.aio.AioRpcError)
    }
    assert reasons == dict.fromkeys([1, 5], "unreadable_image")


async def test_deadline_of_the_caller_ends_the_call(stub: "rpc.VisionServiceAsyncStub") -> None:
    code, _, _ = await failure(stub.DetectNudity(pb.DetectNudityRequest(image=LARGE), timeout=0.01))

    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    # The service is not held up by it.
    assert (await stub.DetectNudity(pb.DetectNudityRequest(image=RAMP))).model.name == "open-nsfw"


async def test_rotated_photo_has_the_box_of_the_upright_one(
    stub: "rpc.VisionServiceAsyncStub",
) -> None:
    """The file lies on its side; its EXIF orientation says so."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # turn it a quarter clockwise to see it
    lying = Image.fromarray(np.rot90(draw_face(400)[:, 50:]))
    file = io.BytesIO()
    lying.save(file, "JPEG", exif=exif)

    answer = await stub.DetectEmotions(pb.DetectEmotionsRequest(image=file.getvalue()))

    (face,) = answer.faces
    assert (face.box.left + face.box.right) / 2 == pytest.approx(150, abs=20)
    assert (face.box.top + face.box.bottom) / 2 == pytest.approx(200, abs=20)


async def test_models_are_listed_and_those_in_use_have_a_device(channel: grpc.aio.Channel) -> None:
    answer = await rpc.VisionServiceStub(channel).ListModels(pb.ListModelsRequest())

    devices = {info.model.name: info.model.device for info in answer.models}
    in_use = {name for name, device in devices.items() if device == "cpu"}
    assert in_use == {"efficientnet-lite1", "tiny-emotions", "centerface", "open-nsfw"}
    assert devices["yunet"] == ""
    assert {info.card for info in answer.models} >= {"models/emotions/README.md"}
