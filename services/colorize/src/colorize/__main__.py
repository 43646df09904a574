"""Run the colorize service: python -m colorize."""

from colorize.service import build_service
from colorize.settings import ColorizeSettings
from servicekit.server import run
from servicekit.settings import load_settings


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = load_settings(ColorizeSettings)
    run(build_service(settings), settings)


if __name__ == "__main__":
    main()
