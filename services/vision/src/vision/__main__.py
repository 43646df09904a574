"""Run the vision service: python -m vision."""

from servicekit.server import run
from servicekit.settings import load_settings
from vision.service import build_service
from vision.settings import VisionSettings


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = load_settings(VisionSettings)
    run(build_service(settings), settings)


if __name__ == "__main__":
    main()
