"""Bucket written by hand: the few requests of S3 that a gateway makes, on a port of its own."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs

import pytest

from scripts.ports import free_port

BUCKET: Final = "s3://results/colored"

_VARIABLES: Final = {
    "ALLOW_HTTP": "true",
    "ACCESS_KEY_ID": "anybody",
    "SECRET_ACCESS_KEY": "anything",
    "REGION": "us-east-1",
}
_KEY = re.compile(r"<Key>([^<]+)</Key>")
_OBJECT = (
    "<Contents><Key>{}</Key><Size>{}</Size><ETag>1</ETag>"
    "<LastModified>2026-11-30T12:00:00.000Z</LastModified></Contents>"
)


class _Handler(BaseHTTPRequestHandler):
    """Puts, gets, lists and deletes objects."""

    def __init__(self, objects: dict[str, bytes], *args: Any) -> None:  # Any: of the server
        self._objects = objects
        super().__init__(*args)

    def do_PUT(self) -> None:
        """Store an object."""
        self._objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200)

    def do_GET(self) -> None:
        """Answer with an object, or with a listing."""
        found = self._listing() if "list-type" in self.path else self._objects.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    do_HEAD = do_GET  # noqa: N815 - the name of the server

    def do_POST(self) -> None:
        """Delete the objects of a list."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        keys = _KEY.findall(body)
        for key in keys:
            self._objects.pop(f"{self.path.partition('?')[0]}/{key}", None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def _listing(self) -> bytes:
        bucket, _, query = self.path.partition("?")
        prefix = f"{bucket}/{parse_qs(query).get('prefix', [''])[0]}"
        listed = "".join(
            _OBJECT.format(path.removeprefix(f"{bucket}/"), len(content))
            for path, content in sorted(self._objects.items())
            if path.startswith(prefix)
        )
        shape = "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>"
        return shape.format(listed).encode()

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _answer(self, status: int, content: bytes = b"") -> None:
        self.send_response(status)
        headers = {"Content-Length": str(len(content)), "ETag": '"1"'}
        headers["Last-Modified"] = "Mon, 30 Nov 2026 12:00:00 GMT"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@dataclass(slots=True)
class Bucket:
    """A bucket that can be stopped and started again on the same port and objects."""

    port: int = field(default_factory=free_port)
    objects: dict[str, bytes] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = field(default=None, init=False)

    def start(self) -> None:
        """Listen."""
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", self.port), partial(_Handler, self.objects)
        )
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def in_bucket() -> Iterator[Bucket]:
    """Run a bucket that the variables of this process lead to."""
    found = Bucket()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{found.port}")
        for name, value in _VARIABLES.items():
            environment.setenv(f"AWS_{name}", value)
        found.start()
        try:
            yield found
        finally:
            found.stop()
