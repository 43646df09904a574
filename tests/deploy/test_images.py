"""The Dockerfile makes an image of each member as the chart expects it."""

import json
import re
import subprocess

import pytest

from scripts.render_base import ROOT
from tests.deploy.objects import one, pod_of, ports_of, rendered

DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
MEMBERS = ("gateway", "colorize", "ocr", "vision")
PINNED = f"registry.test/python@sha256:{'0' * 64}"

_STAGE = re.compile(r"^FROM (\S+) AS (\S+)$\n(.*?)(?=^FROM |\Z)", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def stages() -> dict[str, tuple[str, str]]:
    """Return the base of each stage and its instructions, without comments."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    joined = text.replace("\\\n", " ")
    return {name: (base, body) for base, name, body in _STAGE.findall(joined)}


def instructions(body: str, keyword: str) -> list[str]:
    """Return the arguments of every instruction of a kind."""
    return re.findall(rf"^{keyword} (.*)$", body, re.MULTILINE)


@pytest.mark.parametrize("member", MEMBERS)
def test_an_image_is_as_the_chart_expects_it(
    stages: dict[str, tuple[str, str]], member: str
) -> None:
    """Its first process is no shell, which would keep SIGTERM to itself."""
    deployment = one(rendered(), "Deployment", member)
    security = pod_of(deployment)["securityContext"]
    ports = {port for name, port in ports_of(deployment).items() if name != "authz"}
    base, body = stages[member]

    assert [json.loads(line) for line in instructions(body, "ENTRYPOINT")] == [
        ["python", "-m", member]
    ]
    assert {int(port) for port in instructions(body, "EXPOSE")[0].split()} == ports
    assert instructions(body, "ENV") == [f"{member.upper()}_HOST=0.0.0.0"]
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}\n" in stages["runtime"][1]
    assert base in {"runtime", "model-runtime"}
    assert instructions(body, "HEALTHCHECK")[0].split(" CMD ")[1].startswith('["python", "-m",')


def test_weights_are_looked_for_where_the_chart_mounts_them(
    stages: dict[str, tuple[str, str]],
) -> None:
    values = {"models": {"source": "claim", "claim": "weights"}}
    (container,) = pod_of(one(rendered(values), "Deployment", "ocr"))["containers"]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "models"]

    assert f"IMAGEMESH_MODELS_DIR={mount['mountPath']}" in stages["runtime"][1]
    assert f"COPY --from=pull {mount['mountPath']} " in stages["with-models"][1]


def test_shipped_stages_take_these_folders_alone(stages: dict[str, tuple[str, str]]) -> None:
    """So no compiler, no installer, no cache and no file of the machine that builds is shipped."""
    shipped = ("runtime", "model-runtime", *MEMBERS, "with-models")
    bodies = "".join(stages[name][1] for name in shipped)

    copies = instructions(bodies, "COPY")
    sources = {re.sub(r"^--from=\S+ (--chown=\S+ )?(\S+) \S+$", r"\2", copy) for copy in copies}

    layers = {f"/layers/{name}" for name in ("models", "packages", "weights", "code")}
    others = {"/opt/imagemesh", "/data", "/usr/share/tesseract-ocr", "/models"}
    assert sources == layers | others
    assert instructions(bodies, "RUN") == []


def test_code_is_the_last_layer_and_dependencies_see_no_code(
    stages: dict[str, tuple[str, str]],
) -> None:
    """So a change of code leaves all other layers as they are."""
    for member in MEMBERS:
        assert instructions(stages[member][1], "COPY")[-1] == "--from=code /layers/code /"

    before = [name for name in stages if name.startswith("packages") or name == "model-packages"]
    copied = [
        copy for name in ("shared", *before) for copy in instructions(stages[name][1], "COPY")
    ]
    assert copied
    assert all("/pyproject.toml " in copy for copy in copied)


@pytest.mark.parametrize(
    ("arguments", "is_built"),
    [
        ((), False),
        (("BASE=python:3.11",), False),
        ((f"BASE={PINNED}", "RUNTIME_BASE=a:1"), False),
        ((f"BASE={PINNED}", "IMAGES_WITH=docker"), True),
    ],
)
def test_make_images_builds_on_digests_alone(arguments: tuple[str, ...], is_built: bool) -> None:  # noqa: FBT001 - a parameter of the test
    command = ["make", "--dry-run", "--no-print-directory", "images", *arguments]

    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)

    assert (done.returncode == 0) is is_built
    if is_built:
        assert f"--build-arg BASE={PINNED} --build-arg RUNTIME_BASE={PINNED} " in done.stdout
    else:
        assert "digest" in done.stderr


def test_torch_is_the_version_that_make_setup_installs() -> None:
    (makefile,) = set(re.findall(r"torch==(\S+)", (ROOT / "Makefile").read_text()))

    assert set(re.findall(r"torch==(\S+)", DOCKERFILE.read_text())) == {makefile}


def test_everything_that_is_copied_is_sent_to_the_builder() -> None:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE)
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {rule[1:] for rule in rules if rule.startswith("!")}

    paths = {path for paths in copied for path in paths.split()}
    assert {path for path in paths if path not in sent and path.split("/")[0] not in sent} == set()
    assert "*" in rules
    assert all((ROOT / path).exists() for path in sent)


def test_members_are_in_the_image_and_not_only_links_to_their_sources() -> None:
    """A source of the workspace would be installed as a link to /src, which no image has."""
    script = (DOCKERFILE.parent / "install_layer.sh").read_text()

    assert re.findall(r"^uv pip install (\S+)", script, re.MULTILINE) == ["--no-sources"]
