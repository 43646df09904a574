"""Faults of the Dockerfile that hadolint and a build let pass."""

import re
from collections.abc import Iterator

MEMBERS = ("gateway", "colorize", "ocr", "vision")
SHIPPED = ("runtime", *MEMBERS, "with-models", "embedded")
# A copy into what is shipped: from where, and of which folder to the same place.
COPIES = {
    "runtime": ["--from=build /opt/imagemesh"],
    "gateway": ["--from=build --chown=65532:65532 /data"],
    "ocr": ["--from=tessdata /usr/share/tesseract-ocr"],
    "with-models": ["--from=pull /models"],
}
# What would run, or stop, in what is shipped otherwise than the chart says.
FORBIDDEN = {"RUN", "ADD", "CMD", "SHELL", "VOLUME", "STOPSIGNAL", "ONBUILD"}
IGNORED = {"DL3006", "DL3008", "SC2046", "SC2086"}  # each with its reason beside it

_STAGE = re.compile(r"^FROM (\S+) AS (\S+)$\n(.*?)(?=^FROM |\Z)", re.MULTILINE | re.DOTALL)
_SECRET = re.compile(r"\b\w*(TOKEN|PASSWORD|SECRET|API_KEY|CREDENTIAL)\w*")
_PINNED = re.compile(r"\S+:\d[\w.-]*|\S+@sha256:[0-9a-f]{64}")


def image_faults(text: str) -> list[str]:
    """Return what is wrong with a Dockerfile, a sentence each."""
    plain = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    stages = {name: (base, body) for base, name, body in _STAGE.findall(plain)}
    checks = (_bases, _shipped, _settled, _secrets, _installs)
    return [*_ignored(text), *(fault for check in checks for fault in check(plain, stages))]


def _ignored(text: str) -> Iterator[str]:
    rules = set(re.findall(r"\b(?:DL|SC)\d{4}", " ".join(re.findall(r"# hadolint .*", text))))
    if rules - IGNORED or "global" in " ".join(re.findall(r"# hadolint .*", text)):
        yield f"hadolint is told to ignore {sorted(rules - IGNORED) or 'a rule everywhere'}"


def _bases(plain: str, stages: dict[str, tuple[str, str]]) -> Iterator[str]:
    (base,) = re.findall(r"^ARG BASE=(\S+)", plain, re.MULTILINE) or [""]
    if not _PINNED.fullmatch(base):
        yield f"it is built on {base or 'nothing'}"
    bases = {name: stage[0] for name, stage in stages.items()}
    wanted = {"build": "${BASE}", "runtime": "${RUNTIME_BASE}", **dict.fromkeys(MEMBERS, "runtime")}
    wanted |= {"with-models": "${MEMBER}", "embedded": "${MEMBER}"}
    for name, on in wanted.items():
        if bases.get(name) != on:
            yield f"the stage {name} is built on {bases.get(name)}"
    if list(stages)[-1] != "embedded":
        yield f"a build ends with the stage {list(stages)[-1]}"


def _shipped(plain: str, stages: dict[str, tuple[str, str]]) -> Iterator[str]:
    del plain
    for name in SHIPPED:
        body = stages.get(name, ("", ""))[1]
        copies = [
            f"{flags}{source}" if source == target else f"{flags}{source} {target}"
            for flags, source, target in re.findall(
                r"^COPY ((?:--\S+ )*)(\S+) (\S+)$", body, re.MULTILINE
            )
        ]
        if copies != COPIES.get(name, []):
            yield f"the stage {name} copies {copies}"
        words = set(re.findall(r"^([A-Z]+) ", body, re.MULTILINE))
        for word in sorted(words & FORBIDDEN):
            yield f"the stage {name} has {word}"
        entry = re.findall(r"^ENTRYPOINT (.*)$", body, re.MULTILINE)
        if name in MEMBERS and entry != [f'["python", "-m", "{name}"]']:
            yield f"the stage {name} starts {entry}"


def _settled(plain: str, stages: dict[str, tuple[str, str]]) -> Iterator[str]:
    """Who an image runs as, and where it looks, writes and listens."""
    for host in re.findall(r"_HOST=(\S+)", plain):
        if host != "0.0.0.0":
            yield f"a member listens on {host}"
    runtime = stages.get("runtime", ("", ""))[1]
    if re.findall(r"^USER (.*)$", runtime, re.MULTILINE) != ["65532:65532"]:
        yield "an image does not run as the user of the chart"
    for wanted in ("PATH=/opt/imagemesh/bin:$PATH", "HOME=/tmp", "IMAGEMESH_MODELS_DIR=/models"):
        if not re.search(rf"[ ]{re.escape(wanted)}(\s|$)", runtime):
            yield f"an image has no {wanted}"
    if "WORKDIR /data" not in stages.get("gateway", ("", ""))[1]:
        yield "the gateway starts where it cannot write"


def _secrets(plain: str, stages: dict[str, tuple[str, str]]) -> Iterator[str]:
    del stages
    for line in re.findall(r"^(?:ARG|ENV|LABEL) .*$", plain, re.MULTILINE):
        if _SECRET.search(line):
            yield f"everyone who has the image reads the secret of {line.split()[1]}"


def _installs(plain: str, stages: dict[str, tuple[str, str]]) -> Iterator[str]:
    for line in re.findall(r"^(?:RUN|ADD|COPY) .*$", plain, re.MULTILINE):
        if line.startswith("ADD") or re.search(r"\b(curl|wget)\b|\|\s*(ba)?sh\b", line):
            yield f"something unknown is fetched: {line[:60]}"
        if re.match(r"COPY (--\S+ )*\.?/?[ ]", line) or " . " in f"{line} ":
            yield f"all that lies about is copied: {line[:60]}"
        if "apt-get install" in line and not (
            "--no-install-recommends" in line and "rm -rf /var/lib/apt/lists" in line
        ):
            yield "packages bring others, or their lists, along"
        for name in re.findall(r"(?<=\s)(torch|cyclonedx-bom)(?=\s|$)", line):
            yield f"{name} is of any version"
        if "--requirement uv.txt" in line and "--require-hashes" not in line:
            yield "uv is taken as it comes"
    build = stages.get("build", ("", ""))[1]
    for wanted in ("--constraint requirements.lock", "--build-constraint requirements.lock"):
        if wanted not in build:
            yield f"members are installed without {wanted}"
    if "/opt/imagemesh/sbom.cdx.json" not in build:
        yield "an image does not tell what is in it"
