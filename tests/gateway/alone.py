"""A gateway before services of its own, for tests that wait on them or count their calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.gateway.books import give
from tests.gateway.clocks import Hands
from tests.gateway.running import Gateway, gateway_settings, running
from tests.gateway.services import serving_all
from tests.gateway.stage import Stage

ENOUGH_S = 60  # far beyond what any test takes


@asynccontextmanager
async def alone(
    folder: Path,
    *,
    coins: int | None = None,
    clock: Hands | None = None,
    **changes: Any,  # Any: values of any setting
) -> AsyncIterator[tuple[Gateway, Stage]]:
    """Run a gateway and its services, and yield it and what they see.

    Args:
        folder: of its files.
        coins: credits of its account; None is one that nobody meters.
        clock: of the gateway.
        changes: of its settings.
    """
    stage = Stage()
    async with serving_all(stage) as addresses, asyncio.timeout(ENOUGH_S):
        settings = gateway_settings(folder, **addresses, **changes)
        async with running(settings, clock=clock) as gateway:
            if coins is not None:
                await give(settings.database_url, coins)
            yield gateway, stage
