"""A real Kafka and Postgres for the session, on free ports; their data are removed at the end."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from brewsaga.stack import KafkaChoice, Stack, StackConfig, running


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """No promise is tested on the embedded broker: without a real Kafka this is an error."""
    config = replace(StackConfig.from_environment(), kafka=KafkaChoice.REAL)
    with running(config) as started:
        print(started.describe())
        yield started
        if "kafka-1" in started.servers():
            started.kafka.kill()  # its data are removed: an orderly stop would only take its time
