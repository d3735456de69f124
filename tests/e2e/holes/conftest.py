"""One world a module, in the event loop that its tests share."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from brewsaga.stack import Stack
from e2e.holes.story import IMPATIENT, Story
from e2e.world import world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    """All services of ours run, and none of them is killed."""
    async with world(stack, tmp_path_factory.mktemp("logs"), **IMPATIENT) as here:
        yield Story(here)
