"""Three brokers on one machine: what is acknowledged is on two of them, and one may die."""

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource

from brewsaga.stack import (
    KafkaChoice,
    Stack,
    StackConfig,
    StackError,
    ensure_topics,
    running,
)
from brewsaga.stack.config import ANY_FREE_PORT
from brewsaga.stack.java import Java
from brewsaga.stack.kafka import START_PATIENCE_SECONDS, RealKafka
from brewsaga.stack.processes import Guard

BROKERS = 3
IN_SYNC_MIN = "2"
TOPIC = "cups"
SECONDS = 60.0
DRAW_SECONDS = 0.2
FORMATS_ONLY = """#!/bin/sh
while [ $# -gt 0 ] && [ "$1" != -t ]; do shift; done
[ "$1" = -t ] && echo "$2" >> "$(dirname "$4")/../ids"
"""
"""In the place of Java: notes with which cluster's id a broker was formatted, and serves nobody."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("cluster")
    with running(StackConfig(folder, kafka=KafkaChoice.REAL, brokers=BROKERS), keep=False) as stack:
        yield stack


def _say(bootstrap: str, record: bytes) -> None:
    settings = {"bootstrap.servers": bootstrap, "enable.idempotence": True, "log_level": 0}
    producer, failed = Producer(settings), list[str]()
    producer.produce(TOPIC, record, on_delivery=lambda e, _: failed.append(str(e)) if e else None)
    assert producer.flush(SECONDS) == 0
    assert not failed


def test_a_record_has_three_copies_and_one_broker_may_die(cluster: Stack) -> None:
    kafka = cluster.kafka
    assert isinstance(kafka, RealKafka)
    assert len(kafka.bootstrap.split(",")) == len(kafka.servers()) == BROKERS
    ensure_topics(kafka.bootstrap, [TOPIC])
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    partitions = admin.list_topics(TOPIC, timeout=SECONDS).topics[TOPIC].partitions.values()
    assert {len(one.replicas) for one in partitions} == {BROKERS}
    asked = ConfigResource(ConfigResource.Type.TOPIC, TOPIC)
    found = admin.describe_configs([asked])[asked].result()
    assert found["min.insync.replicas"].value == IN_SYNC_MIN
    _say(kafka.bootstrap, b"before")
    kafka.kill([1])
    _say(kafka.bootstrap, b"without one")
    kafka.start([1])
    _say(kafka.bootstrap, b"after")


def test_all_brokers_of_a_cluster_are_formatted_with_one_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are formatted at the same time; each with an id of its own, they could elect nobody."""
    drawn = uuid.uuid4

    def slowly() -> uuid.UUID:  # as on a busy machine, so that all of them would draw
        time.sleep(DRAW_SECONDS)
        return drawn()

    monkeypatch.setattr(uuid, "uuid4", slowly)
    java = tmp_path / "java"
    java.write_text(FORMATS_ONLY)
    java.chmod(0o700)
    with contextlib.closing(Guard()) as guard:
        kafka = RealKafka(guard, tmp_path / "cluster", Java(java, "21", "a test"), tmp_path)
        kafka.configure(ANY_FREE_PORT, BROKERS)
        begun = time.monotonic()
        with pytest.raises(StackError, match="died at start"):
            kafka.start()
        assert time.monotonic() - begun < START_PATIENCE_SECONDS / 2, "a death was waited out"
        kafka.kill()
    ids = (tmp_path / "cluster" / "ids").read_text().split()
    assert ids == ids[:1] * BROKERS
