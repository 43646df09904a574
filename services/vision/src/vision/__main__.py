"""Run the vision service: python -m vision."""

from servicekit.processors import let_waiting_threads_sleep
from servicekit.server import run
from servicekit.settings import load_settings
from vision.settings import VisionSettings


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    let_waiting_threads_sleep()
    from vision.service import build_service  # noqa: PLC0415 - it loads torch

    settings = load_settings(VisionSettings)
    run(build_service(settings), settings)


if __name__ == "__main__":
    main()
