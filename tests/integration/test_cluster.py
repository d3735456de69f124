"""Three brokers on one machine: what is acknowledged is on two of them, and one may die."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource

from brewsaga.stack import KafkaChoice, Stack, StackConfig, ensure_topics, running
from brewsaga.stack.kafka import RealKafka

BROKERS = 3
IN_SYNC_MIN = "2"
TOPIC = "cups"
SECONDS = 60.0


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
