"""Read the topics from their first to their last record, for the audit: raw records, no
service's code.

No consumer group is joined and nothing is committed, so reading disturbs no one.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from google.protobuf.message import DecodeError, Message

from saga import contract
from saga.v1 import saga_pb2

READ_DEADLINE_SECONDS: Final = 60.0
WATERMARK_TIMEOUT_SECONDS: Final = 10.0
WATERMARK_PATIENCE_SECONDS: Final = 60.0
"""For all the asking: on a busy machine one answer alone may take its whole timeout."""
ASK_AGAIN_SECONDS: Final = 0.1
RECORD_BYTES_MAX: Final = 65_536
"""What is larger is a dead letter, and of that so much is kept."""


@dataclass(frozen=True, slots=True)
class Said:
    """One record of a topic, as it lies there. `message` is None where it cannot be read.

    `saga_id` is empty where every service puts the record aside: it is unreadable, too large, or
    names no saga. Whatever its key says, such a record says nothing of any saga.
    """

    topic: contract.Topic
    saga_id: str
    message_id: str
    timestamp_ms: int
    value: bytes
    message: Any
    key: str = ""

    def text(self, field: str) -> str:
        """A field of the message, empty where the message is unreadable or has no such field."""
        return str(getattr(self.message, field, ""))


def read_topics(kafka: str | Mapping[str, Any], prefix: str) -> list[Said]:
    """Everything that now lies in the topics. Raises KafkaException or TimeoutError.

    `kafka` is its address, or all that the client library must be told to get in.
    """
    access = {"bootstrap.servers": kafka} if isinstance(kafka, str) else kafka
    consumer = Consumer(
        {
            **access,
            "group.id": prefix + contract.AUDIT_GROUP,
            "enable.auto.commit": False,
            "enable.metrics.push": False,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    try:
        return _read(consumer, prefix)
    finally:
        consumer.close()


def _read(consumer: Consumer, prefix: str) -> list[Said]:
    until = _watermarks(consumer, prefix)
    begin = [TopicPartition(topic, number, low) for (topic, number), (low, _) in until.items()]
    left = {place for place, (low, high) in until.items() if low < high}
    consumer.assign([place for place in begin if (place.topic, place.partition) in left])
    found: list[Said] = []
    deadline = time.monotonic() + READ_DEADLINE_SECONDS
    while left:
        if time.monotonic() > deadline:
            message = f"{len(left)} partitions not read within {READ_DEADLINE_SECONDS:.0f} s"
            raise TimeoutError(message)
        for record in consumer.consume(1000, 0.2):
            if record.error():
                raise KafkaException(record.error())
            place = (str(record.topic()), int(record.partition() or 0))
            found.append(_said(record, prefix))
            if int(record.offset() or 0) + 1 >= until[place][1]:
                left.discard(place)
    return found


def _watermarks(consumer: Consumer, prefix: str) -> dict[tuple[str, int], tuple[int, int]]:
    existing = consumer.list_topics(timeout=WATERMARK_TIMEOUT_SECONDS).topics
    places = [
        TopicPartition(prefix + topic.name, number)
        for topic in contract.TOPICS
        if prefix + topic.name in existing
        for number in existing[prefix + topic.name].partitions
    ]
    return {(place.topic, place.partition): _ends(consumer, place) for place in places}


def _ends(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """The first offset and the one after the last; a leader that is just moving is asked again."""
    deadline = time.monotonic() + WATERMARK_PATIENCE_SECONDS
    while True:
        try:
            low, high = consumer.get_watermark_offsets(place, timeout=WATERMARK_TIMEOUT_SECONDS)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(ASK_AGAIN_SECONDS)
        else:
            return low, high


def _said(record: Any, prefix: str) -> Said:
    topic = contract.TOPIC_BY_NAME[record.topic().removeprefix(prefix)]
    value = record.value() or b""
    message: Message | None = getattr(saga_pb2, topic.message)()
    try:
        message.ParseFromString(value)  # type: ignore[union-attr]
    except DecodeError:
        message = None
    headers: Sequence[tuple[str, bytes]] = record.headers() or []
    ids = [content.decode(errors="replace") for name, content in headers if name == "ce_id"]
    key = (record.key() or b"").decode(errors="replace")
    saga_id = saga_of(value, message)
    message_id = ids[0] if ids else ""
    return Said(topic, saga_id, message_id, record.timestamp()[1], value, message, key)


def saga_of(value: bytes, message: Any) -> str:
    """The saga that a record speaks of by the contract's rule; empty where it is a dead letter."""
    saga_id = str(getattr(message, "saga_id", ""))
    named = contract.SAGA_ID_PATTERN.fullmatch(saga_id) is not None
    return saga_id if named and len(value) <= RECORD_BYTES_MAX else ""
