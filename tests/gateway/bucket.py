"""Bucket written by hand: the few requests of S3 that a gateway makes, on a port of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scripts.ports import free_port

_NO_OBJECTS = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


class _Handler(BaseHTTPRequestHandler):
    """Puts, gets and deletes objects; a listing is always empty."""

    def __init__(self, objects: dict[str, bytes], *args: Any) -> None:  # Any: of the server
        self._objects = objects
        super().__init__(*args)

    def do_PUT(self) -> None:
        """Store an object."""
        self._objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200)

    def do_GET(self) -> None:
        """Answer with an object, or with a listing."""
        found = _NO_OBJECTS if "list-type" in self.path else self._objects.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    do_HEAD = do_GET  # noqa: N815 - the name of the server

    def do_DELETE(self) -> None:
        """Delete an object."""
        self._objects.pop(self.path, None)
        self._answer(204)

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
def bucket() -> Iterator[Bucket]:
    """Run a bucket."""
    found = Bucket()
    found.start()
    try:
        yield found
    finally:
        found.stop()
