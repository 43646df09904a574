"""Process of the echo service: python -m tests.servicekit.echo_process PORT.

What waits is released when stdin ends.
"""

import asyncio
import sys
from dataclasses import replace

from servicekit.server import run
from servicekit.settings import ServiceSettings
from tests.servicekit.echo import Echo


def main() -> None:
    """Serve."""
    echo = Echo()

    async def load() -> None:
        asyncio.get_running_loop().add_reader(sys.stdin, echo.release.set)

    run(replace(echo.service(), load=load), ServiceSettings(port=int(sys.argv[1]), metrics_port=0))


if __name__ == "__main__":
    main()
