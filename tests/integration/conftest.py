"""A real Postgres for a module's tests. Kafka is not asked for anything where only this is used."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from brewsaga.stack import KafkaChoice, StackConfig, running
from integration.loop_world import Place, fresh_place
from integration.order_world import World, fresh_world


@pytest.fixture(scope="module")
def admin_url() -> Iterator[str]:
    config = replace(StackConfig.from_environment(), kafka=KafkaChoice.EMBEDDED)
    with running(config) as stack:
        yield stack.postgres.admin_url


@pytest.fixture
async def world(admin_url: str) -> AsyncIterator[World]:
    """Order's parts over a fresh database."""
    async with fresh_world(admin_url) as world:
        yield world


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, str]]:
    """Kafka's address and Postgres' administrator's."""
    with running(StackConfig.from_environment()) as stack:
        yield stack.kafka.bootstrap, stack.postgres.admin_url


@pytest.fixture
async def place(servers: tuple[str, str]) -> AsyncIterator[Place]:
    async with fresh_place(servers) as place:
        yield place
