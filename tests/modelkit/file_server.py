"""A loopback HTTP server of one file that may break off, ignore ranges or refuse."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class FileServer:
    """Script of the server, and a record of its requests.

    Attributes:
        content: The file, whatever its path but those of `files`.
        files: Further files, by the last part of their path.
        cuts: For each coming request, after how many bytes of the answer the connection breaks.
        has_ranges: Whether it knows the header `Range`.
        tells_size: Whether it sends the header `Content-Length`.
        status: Answers this instead of the file, when not zero.
        requests: The path and the Range header of each request.
        url: Where it listens.
    """

    content: bytes
    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    has_ranges: bool = True
    tells_size: bool = True
    status: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving_file(server: FileServer) -> Iterator[FileServer]:
    """Serve on a free port of the loopback address until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, server)

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        server.url = f"http://127.0.0.1:{listener.server_port}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        listener.shutdown()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, server: FileServer) -> None:
    asked = request.headers.get("Range", "")
    server.requests.append((request.path, asked))
    if server.status:
        request.send_error(server.status)
        return
    first = int(asked.removeprefix("bytes=").rstrip("-") or 0) if server.has_ranges else 0
    name = request.path.rpartition("/")[2]
    body = server.files.get(name, server.content)[first:]
    request.send_response(206 if server.has_ranges and asked else 200)
    if server.tells_size:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)
