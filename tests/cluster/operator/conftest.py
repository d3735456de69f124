"""One world for all tests of the operator; each test has names of its own in it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from brewsaga.stack import KafkaChoice, Stack, StackConfig, running
from cluster.operator.setting import Setting, setting

PRETEND = os.environ.get("OPERATOR_BACKEND") == "pretend"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack | None]:
    """A real Kafka and a real Postgres on this machine, unless the services are pretended."""
    if PRETEND:
        yield None
        return
    config = replace(StackConfig.from_environment(), kafka=KafkaChoice.REAL)
    with running(config) as started:
        print(started.describe())
        yield started


@pytest.fixture(scope="module")
def here(stack: Stack | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """A world on a loop of its own that lives as long as the module."""
    folder: Path = tmp_path_factory.mktemp("operator")
    loop = asyncio.new_event_loop()
    opened = setting(stack, folder)
    made = loop.run_until_complete(opened.__aenter__())
    try:
        yield made
    finally:
        loop.run_until_complete(opened.__aexit__(None, None, None))
        loop.close()


@pytest.fixture
async def operated(here: Setting) -> AsyncIterator[Setting]:
    """The world, with an operator that runs."""
    await here.start()
    yield here
    here.kill()
