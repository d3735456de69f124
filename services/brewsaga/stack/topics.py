"""Making sure that topics exist with the right number of partitions, on whatever Kafka is there.

Names come in as arguments; which there are is the contract's business.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.cimpl import NewTopic

from brewsaga.stack.config import StackError

DEFAULT_PARTITIONS = 3
BROKERS_DEFAULT_REPLICATION = -1
REQUEST_TIMEOUT_SECONDS = 15.0
VISIBLE_PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.05
ABSENT = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.GROUP_ID_NOT_FOUND,
    KafkaError._UNKNOWN_GROUP,  # noqa: SLF001 - the client library has no public name for it
}
EMBEDDED_CLUSTER = "mockCluster"  # how the broker inside librdkafka names its cluster


Kafka = str | Mapping[str, object]
"""Its address, or all that the client library must be told to get in."""


def _admin(kafka: Kafka) -> AdminClient:
    """A client that says nothing by itself: its caller reports what fails."""
    settings: dict[str, Any] = {
        **({"bootstrap.servers": kafka} if isinstance(kafka, str) else kafka),
        "log_level": 0,
        "error_cb": lambda _error: None,
        "reconnect.backoff.max.ms": 200,
        "socket.connection.setup.timeout.ms": 2_000,
        "enable.metrics.push": False,
    }
    return AdminClient(settings)


def broker_count(bootstrap: str, timeout_seconds: float = 2.0) -> int:
    """How many brokers the cluster says it has; 0 where it does not answer."""
    try:
        return len(_admin(bootstrap).list_topics(timeout=timeout_seconds).brokers)
    except KafkaException:
        return 0


def is_embedded(bootstrap: str) -> bool:
    """Whether this is the broker inside librdkafka, which has no CreateTopics."""
    return _is_embedded(_metadata(_admin(bootstrap)))


def ensure_topics(
    kafka: Kafka,
    names: Iterable[str],
    partitions: int = DEFAULT_PARTITIONS,
    replication: int | None = None,
) -> bool:
    """Create what is missing and wait until all are seen; False on the embedded broker.

    (That one has as many partitions as it likes.) A topic that exists with another number of
    partitions is an error that names it: a saga would be handled by two processes at once.
    """
    admin = _admin(kafka)
    known = _metadata(admin)
    wanted = sorted(set(names))
    if _is_embedded(known):
        _make_by_asking(admin, wanted)
        return False
    missing = [name for name in wanted if name not in known.topics]
    if missing:
        _create(admin, missing, partitions, replication)
    _check_partitions(_wait_until_seen(admin, wanted), wanted, partitions)
    return True


def forget_topics(bootstrap: str, names: Iterable[str], groups: Iterable[str]) -> None:
    """Delete these topics and consumer groups where they exist.

    The embedded broker cannot, and forgets them when it stops.
    """
    admin = _admin(bootstrap)
    if _is_embedded(_metadata(admin)):
        return
    patience = {"request_timeout": REQUEST_TIMEOUT_SECONDS}
    asked = ((admin.delete_consumer_groups, list(groups)), (admin.delete_topics, list(names)))
    begun = [delete(some, **patience) for delete, some in asked if some]  # none is an error
    for name, answer in (pair for answers in begun for pair in answers.items()):
        _expect(answer, f"delete {name}", ABSENT)


def _make_by_asking(admin: AdminClient, names: list[str]) -> None:
    """The embedded broker makes a topic when someone asks for it by its name.

    Left to the first record, a consumer that subscribed before learns of the topic ten seconds
    later; meanwhile everything is said again, once for each of a saga's topics.
    """
    for name in names:
        _metadata(admin, name)


def _create(admin: AdminClient, names: list[str], partitions: int, replication: int | None) -> None:
    factor = BROKERS_DEFAULT_REPLICATION if replication is None else replication
    topics = [
        NewTopic(name, num_partitions=partitions, replication_factor=factor) for name in names
    ]
    for name, answer in admin.create_topics(
        topics, request_timeout=REQUEST_TIMEOUT_SECONDS
    ).items():
        _expect(answer, f"create topic {name}", {KafkaError.TOPIC_ALREADY_EXISTS})


def _expect(answer: Future[Any], what: str, harmless: Collection[int]) -> None:
    """Wait for the broker's answer; an error that is not harmless is ours, with what we wanted."""
    try:
        answer.result()
    except KafkaException as error:
        if error.args[0].code() not in harmless:
            raise StackError(f"cannot {what}: {error.args[0].str()}") from error


def _wait_until_seen(admin: AdminClient, names: list[str]) -> ClusterMetadata:
    """Metadata in which every topic has a leader for every partition."""
    deadline = time.monotonic() + VISIBLE_PATIENCE_SECONDS
    while True:
        known = _metadata(admin)
        unseen = [name for name in names if not _is_led(known, name)]
        if not unseen:
            return known
        if time.monotonic() > deadline:
            raise StackError(
                f"topic {unseen[0]} has no leader after {VISIBLE_PATIENCE_SECONDS:.0f} s"
            )
        time.sleep(POLL_SECONDS)


def _is_led(known: ClusterMetadata, name: str) -> bool:
    topic = known.topics.get(name)
    if topic is None or topic.error is not None or not topic.partitions:
        return False
    return all(partition.leader >= 0 for partition in topic.partitions.values())


def _check_partitions(known: ClusterMetadata, names: list[str], partitions: int) -> None:
    for name in names:
        actual = len(known.topics[name].partitions)
        if actual != partitions:
            raise StackError(
                f"topic {name} has {actual} partitions, must be {partitions}: delete it and create"
                f" it again, or ask for {actual} partitions for all topics of this prefix"
            )


def _is_embedded(known: ClusterMetadata) -> bool:
    return str(known.cluster_id).startswith(EMBEDDED_CLUSTER)


def _metadata(admin: AdminClient, topic: str | None = None) -> ClusterMetadata:
    """What the cluster tells of one topic, or of all."""
    try:
        return admin.list_topics(topic, timeout=REQUEST_TIMEOUT_SECONDS)
    except KafkaException as error:
        raise StackError(f"Kafka does not answer: {error.args[0].str()}") from error
