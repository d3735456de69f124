"""A real Postgres for a module's tests. Kafka is not asked for anything where only this is used."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from brewsaga.stack import KafkaChoice, StackConfig, running


@pytest.fixture(scope="module")
def admin_url() -> Iterator[str]:
    config = replace(StackConfig.from_environment(), kafka=KafkaChoice.EMBEDDED)
    with running(config) as stack:
        yield stack.postgres.admin_url
