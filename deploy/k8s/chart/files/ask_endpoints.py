"""Asks every endpoint that is switched on: URL OFF,OFF KEYFILE; exits with 1 where one fails."""

# ruff: noqa: INP001 - a file of the chart, which `python -c` runs

import base64
import json
import ssl
import sys
import urllib.error
import urllib.request
from importlib.resources import files
from pathlib import Path

from contract.table import ENDPOINTS

TIMEOUT_S = 120
SAMPLE = base64.b64encode(files("gateway").joinpath("examples", "letter.png").read_bytes())


def ask(url: str, body: dict[str, object], key: str) -> int:
    """Return the status of the answer; 0 where there is none."""
    request = urllib.request.Request(  # noqa: S310 - the URL is the release's own
        url,
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    # Envoy's certificate is for the public names, and this asks it by its Service.
    context = ssl._create_unverified_context()  # noqa: S323, SLF001 - as said
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as answer:  # noqa: S310 - as above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        sys.stdout.write(f"{error}\n")
        return 0


def main(url: str, off: str, key_file: str) -> int:
    """Ask one endpoint after another."""
    failed = 0
    key = Path(key_file).read_text().strip()
    for endpoint in ENDPOINTS:
        if endpoint.name in off.split(","):
            continue
        body = endpoint.example_request()
        if "image" in body:
            body["image"] = SAMPLE.decode()
        status = ask(url + endpoint.path, body, key)
        sys.stdout.write(f"{status} {endpoint.name}\n")
        failed += status != 200  # noqa: PLR2004 - HTTP's OK
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
