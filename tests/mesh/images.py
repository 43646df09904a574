"""Images for the tests of the whole mesh, and a plain HTTP server that hosts them."""

import io
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self

from PIL import Image, ImageDraw, ImageFont

from tests.vision.drawn import draw_face

LETTER = "Dear Ms. Alder,\nI enjoyed your workshop very much.\nIt was a wonderful day.\nRowan"


def letter() -> bytes:
    """Return a PNG of a short letter, black on white."""
    image = Image.new("L", (900, 320), 255)
    font = ImageFont.load_default(size=36)
    ImageDraw.Draw(image).multiline_text((40, 40), LETTER, fill=0, font=font, spacing=18)
    return _encoded(image, "PNG")


def portrait() -> bytes:
    """Return a grey JPEG of a drawn face."""
    return _encoded(Image.fromarray(draw_face(320)).convert("L"), "JPEG")


def _encoded(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


class ImageServer:
    """Hosts images on loopback while its context is open; more may be added."""

    def __init__(self, images: dict[str, bytes]) -> None:
        self.images = images
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(images))
        self._thread = Thread(target=self._server.serve_forever)

    def url(self, name: str) -> str:
        """Return the URL of the image of that name."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{name}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(images: dict[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = images.get(self.path.removeprefix("/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Write nothing."""

    return Handler
