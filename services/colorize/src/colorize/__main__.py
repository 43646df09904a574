"""Run the colorize service: python -m colorize."""

from colorize.settings import ColorizeSettings
from servicekit.processors import let_waiting_threads_sleep
from servicekit.server import run
from servicekit.settings import load_settings


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    let_waiting_threads_sleep()
    from colorize.service import build_service  # noqa: PLC0415 - it loads torch

    settings = load_settings(ColorizeSettings)
    run(build_service(settings), settings)


if __name__ == "__main__":
    main()
