"""What somebody else puts on our topics, and when all that follows from it has happened.

Uses the contract and Kafka alone. It must not know how a service decides.
"""

import asyncio
from typing import Any, Final

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from e2e.world import World, until
from saga import contract
from saga.v1 import saga_pb2

BY_KEY: Final = -1
"""The partition that the key says, as Java's and Go's clients choose it."""


def has(topic: contract.Topic, field: str) -> bool:
    return field in getattr(saga_pb2, topic.message).DESCRIPTOR.fields_by_name


def message(topic: contract.Topic, **fields: Any) -> bytes:
    """A message of the topic's type, with those of the fields that it has."""
    kind = getattr(saga_pb2, topic.message)
    known = {name: value for name, value in fields.items() if has(topic, name)}
    body: bytes = kind(**known).SerializeToString()
    return body


# ---------------------------------------------------------------- when it is over

Place = tuple[str, int]
"""A topic with its prefix, and a partition."""


async def settled(here: World) -> None:
    """Until everything said is handled, and what followed from it is said and handled too.

    The ends of the topics are asked for before and after: what is published between would be seen.
    """
    admin = AdminClient({"bootstrap.servers": here.bootstrap, "log_level": 0})

    async def nothing_left() -> bool:
        before = await asyncio.to_thread(_ends, admin, here.prefix)
        if not await asyncio.to_thread(_all_handled, admin, here.prefix, before):
            return False
        if not await here.outboxes_empty():
            return False
        return before == await asyncio.to_thread(_ends, admin, here.prefix)

    await until("everything said is handled", nothing_left, 60)


def _ends(admin: AdminClient, prefix: str) -> dict[Place, int]:
    """The offset after the last record of every partition."""
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    wanted = {
        TopicPartition(prefix + topic.name, partition): latest
        for topic in contract.TOPICS
        for partition in range(contract.PARTITIONS)
    }
    answers = admin.list_offsets(wanted)
    return {(p.topic, p.partition): answer.result().offset for p, answer in answers.items()}


def _all_handled(admin: AdminClient, prefix: str, ends: dict[Place, int]) -> bool:
    """Whether each group has stored the offset of the end of all that it hears."""
    for service, mode in {(s, t.mode) for t in contract.TOPICS for s in t.heard_by}:
        group = contract.consumer_group(prefix, service, mode)
        answer = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group]
        stored = {(p.topic, p.partition): p.offset for p in answer.result().topic_partitions or ()}
        for topic in contract.heard_by(service, mode):
            for partition in range(contract.PARTITIONS):
                place = (prefix + topic.name, partition)
                if stored.get(place, 0) < ends[place]:
                    return False
    return True
