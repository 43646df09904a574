"""Run the OCR service: python -m ocr."""

from ocr.service import build_service
from ocr.settings import OcrSettings
from servicekit.server import run
from servicekit.settings import load_settings


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = load_settings(OcrSettings)
    run(build_service(settings), settings)


if __name__ == "__main__":
    main()
