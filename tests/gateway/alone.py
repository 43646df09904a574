"""A gateway before services of its own, for tests that wait on them or count their calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.accounts.credits import Credits
from tests.gateway.clocks import Hands
from tests.gateway.running import Gateway, gateway_settings, running
from tests.gateway.services import serving_all
from tests.gateway.stage import Stage

ENOUGH_S = 60  # far beyond what any test takes


@asynccontextmanager
async def alone(
    folder: Path,
    credit: Credits | None = None,
    clock: Hands | None = None,
    **changes: Any,  # Any: values of any setting
) -> AsyncIterator[tuple[Gateway, Stage]]:
    """Run a gateway and its services, and yield it and what they see."""
    stage = Stage()
    async with serving_all(stage) as addresses, asyncio.timeout(ENOUGH_S):
        settings = gateway_settings(folder, **addresses, **changes)
        async with running(settings, credit=credit, clock=clock) as gateway:
            yield gateway, stage
