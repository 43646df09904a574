"""The Dockerfile makes an image of each member as the chart expects it."""

import json
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch

from ocr.languages import debian_packages
from scripts.check_deploy import DOCKERFILE, TOOLS
from scripts.render_base import ROOT
from tests.deploy.objects import one, pod_of, ports_of, rendered
from tests.deploy.test_environment import SETTINGS, variables_of

MEMBERS = ("gateway", "colorize", "ocr", "vision")
# The chart's port that the gateway opens where Envoy asks; the image does not.
ONLY_IN_THE_MESH = {"authz"}
PINNED = f"registry.test/python@sha256:{'0' * 64}"
TORCH_PROGRAM = "bin/torch_shm_manager"

_STAGE = re.compile(r"^FROM (\S+) AS (\S+)$\n(.*?)(?=^FROM |\Z)", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def stages() -> dict[str, tuple[str, str]]:
    """Return what each stage begins with and its instructions, without comments."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    joined = text.replace("\\\n", " ")
    return {name: (base, body) for base, name, body in _STAGE.findall(joined)}


def make_images(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Return what `make images` would run."""
    command = ["make", "--dry-run", "--no-print-directory", "images", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def test_hadolint_finds_nothing() -> None:
    program = TOOLS / "bin" / "hadolint"
    if not program.exists():
        pytest.skip("hadolint comes with `make check-deploy`")

    done = subprocess.run([program, str(DOCKERFILE)], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("member", MEMBERS)
def test_the_member_is_the_first_process(stages: dict[str, tuple[str, str]], member: str) -> None:
    """A shell as the first process would keep SIGTERM to itself."""
    entry = re.findall(r"^ENTRYPOINT (.*)$", stages[member][1], re.MULTILINE)

    assert [json.loads(one) for one in entry] == [["python", "-m", member]]


@pytest.mark.parametrize("member", MEMBERS)
def test_images_run_as_the_user_of_the_chart(
    stages: dict[str, tuple[str, str]], member: str
) -> None:
    security = pod_of(one(rendered(), "Deployment", member))["securityContext"]
    base, body = stages[member]

    users = re.findall(r"^USER (.*)$", stages[base][1], re.MULTILINE)

    assert users == [f"{security['runAsUser']}:{security['runAsGroup']}"]
    assert "USER" not in body


@pytest.mark.parametrize("member", MEMBERS)
def test_nothing_runs_in_what_is_shipped(stages: dict[str, tuple[str, str]], member: str) -> None:
    """So the base of the shipped stages needs no shell."""
    base, body = stages[member]

    assert re.findall(r"^RUN ", stages[base][1] + body, re.MULTILINE) == []
    assert stages[base][0] == "${RUNTIME_BASE}"


@pytest.mark.parametrize("member", MEMBERS)
def test_ports_are_those_of_the_chart(stages: dict[str, tuple[str, str]], member: str) -> None:
    ports = ports_of(one(rendered(), "Deployment", member))

    (exposed,) = re.findall(r"^EXPOSE (.*)$", stages[member][1], re.MULTILINE)

    expected = {port for name, port in ports.items() if name not in ONLY_IN_THE_MESH}
    assert {int(port) for port in exposed.split()} == expected


@pytest.mark.parametrize("member", MEMBERS)
def test_every_variable_of_an_image_is_a_setting(
    stages: dict[str, tuple[str, str]], member: str
) -> None:
    names = re.findall(r"\b([A-Z_]+)=", _environment(stages[member][1]))

    assert names == [f"{member.upper()}_HOST"]
    assert set(names) <= variables_of(SETTINGS[member])


def test_weights_are_looked_for_where_the_chart_mounts_them(
    stages: dict[str, tuple[str, str]],
) -> None:
    values = {"models": {"source": "claim", "claim": "weights"}}
    (container,) = pod_of(one(rendered(values), "Deployment", "ocr"))["containers"]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "models"]

    assert f"IMAGEMESH_MODELS_DIR={mount['mountPath']}" in _environment(stages["runtime"][1])
    assert f"COPY --from=pull {mount['mountPath']} " in stages["with-models"][1]


def test_a_mirror_is_what_the_command_reads(stages: dict[str, tuple[str, str]]) -> None:
    (argument,) = re.findall(r"^ARG (\w+)", stages["pull"][1], re.MULTILINE)

    assert argument in variables_of(SETTINGS["pull-models"])
    assert "--mount=type=bind,from=mirror,target=/mirror " in stages["pull"][1]
    assert stages["mirror"] == ("scratch", "\n\n")  # where no folder is given


def test_shipped_stages_take_four_folders_alone(stages: dict[str, tuple[str, str]]) -> None:
    """So no compiler, no installer, no cache and no file of the machine that builds is shipped."""
    bodies = "".join(stages[name][1] for name in ("runtime", *MEMBERS, "with-models"))
    copies = re.findall(r"^COPY .*", bodies, re.MULTILINE)

    sources = {re.sub(r"^COPY --from=\w+ (--chown=\S+ )?(\S+) \2$", r"\2", copy) for copy in copies}
    assert sources == {"/opt/imagemesh", "/data", "/usr/share/tesseract-ocr", "/models"}


def test_what_is_shipped_has_no_installer_and_no_cache(
    stages: dict[str, tuple[str, str]],
) -> None:
    body = stages["build"][1]

    assert "venv --without-pip /opt/imagemesh " in body
    assert "UV_NO_CACHE=1" in _environment(body)
    assert re.findall(r"/pip install (?!--no-cache-dir)", body) == []


def test_an_image_tells_its_base(stages: dict[str, tuple[str, str]]) -> None:
    assert re.search(r"^ARG .*\bRUNTIME_BASE\b", stages["runtime"][1], re.MULTILINE)
    assert 'org.opencontainers.image.base.name="${RUNTIME_BASE}"' in stages["runtime"][1]


@pytest.mark.parametrize(
    "arguments", [(), ("BASE=python:3.11",), (f"BASE={PINNED}", "RUNTIME_BASE=a:1")]
)
def test_make_images_wants_digests(arguments: tuple[str, ...]) -> None:
    done = make_images(*arguments)

    assert done.returncode != 0
    assert "digest" in done.stderr


def test_make_images_builds_on_the_digest() -> None:
    done = make_images(f"BASE={PINNED}", "IMAGES_WITH=docker", "TORCH_PIP_ARGS=--index-url URL")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"set -e; for member in {' '.join(MEMBERS)};")
    assert f"--build-arg BASE={PINNED} --build-arg RUNTIME_BASE={PINNED} " in done.stdout
    assert '--build-arg TORCH_PIP_ARGS="--index-url URL"' in done.stdout


def test_a_gateway_has_no_torch(stages: dict[str, tuple[str, str]]) -> None:
    (install,) = re.findall(r"^RUN (.* torch==.*)$", stages["build"][1], re.MULTILINE)

    assert install.startswith('test "$MEMBER" = gateway || ')


def test_torch_keeps_the_program_that_it_asks_for(stages: dict[str, tuple[str, str]]) -> None:
    """Importing it raises without; what goes beside it was tried in an image alone."""
    (removed,) = re.findall(r"rm -rf (\"\$1/include.*)$", stages["build"][1], re.MULTILINE)

    patterns = [path.replace('"', "").removeprefix("$1/") for path in removed.split()]
    assert {"include", "test"} < set(patterns)
    assert [one for one in patterns if fnmatch(TORCH_PROGRAM, one)] == []
    assert (Path(torch.__file__).parent / TORCH_PROGRAM).exists()


def test_torch_is_the_version_that_make_setup_installs() -> None:
    (makefile,) = set(re.findall(r"torch==(\S+)", (ROOT / "Makefile").read_text()))

    assert re.findall(r"torch==(\S+)", DOCKERFILE.read_text()) == [makefile]


def test_what_is_installed_stands_in_the_lock(stages: dict[str, tuple[str, str]]) -> None:
    installs = re.findall(r"uv pip install (?!--no-config)[^&]*", stages["build"][1])

    assert len(installs) == 1
    assert "--constraint requirements.lock --build-constraint requirements.lock" in installs[0]


def test_tesseract_has_the_data_of_all_languages(stages: dict[str, tuple[str, str]]) -> None:
    assert (
        "${TESSERACT_PACKAGES:-$(/opt/imagemesh/bin/python -m ocr.packages)}"
        in (stages["tessdata"][1])
    )
    done = subprocess.run(
        ["python", "-m", "ocr.packages"], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == list(debian_packages())


def test_everything_that_is_copied_is_sent_to_the_builder() -> None:
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    sent = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))

    assert {path for paths in copied for path in paths.split()} == sent
    assert all((ROOT / path).exists() for path in sent)


def _environment(body: str) -> str:
    return " ".join(re.findall(r"^ENV (.*)$", body, re.MULTILINE))
