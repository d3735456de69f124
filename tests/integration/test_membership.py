"""On a real broker: a member whose loop is busy while all that it reads is taken and given back."""

import asyncio
import uuid
from collections.abc import Callable

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from sagakit.shell.kafka_client import PAUSE_AFTER_SECONDS, Batch, ConsumerThread
from sagakit.shell.settings import KitSettings

PARTITIONS = 6
OTHERS_MAX = 12
TOPIC = "choreo.membership"
SECONDS = 60.0


async def until(what: str, holds: Callable[[], object], seconds: float = SECONDS) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"after {seconds:.0f} s not: {what}"
        await asyncio.sleep(0.05)  # what is waited for happens on the member's own thread


async def test_what_was_lost_while_it_was_paused_is_read_when_it_comes_back(
    servers: tuple[str, str],
) -> None:
    settings = KitSettings(
        kafka_bootstrap_servers=servers[0], topic_prefix=f"m{uuid.uuid4().hex[:8]}-"
    )
    name = settings.topic_prefix + TOPIC
    admin = AdminClient({"bootstrap.servers": servers[0]})
    await asyncio.to_thread(admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result)
    producer = Producer({"bootstrap.servers": servers[0]})

    def say() -> None:
        for partition in range(PARTITIONS):
            producer.produce(name, b"v", b"k", partition=partition)
        producer.flush(10)

    heard: list[Batch] = []
    member = ConsumerThread(settings, "members", [TOPIC], heard.append)
    others: list[ConsumerThread] = []
    member.start()
    try:
        await until("all is assigned", lambda: len(member._assigned) == PARTITIONS)
        say()
        await until("a batch is in work", lambda: heard)
        say()
        await until("another waits", lambda: member._next.records)
        await until("it is paused", lambda: member._paused, PAUSE_AFTER_SECONDS + SECONDS)
        while member._next.records:
            assert len(others) < OTHERS_MAX, "what waits is never taken from it"
            others.append(ConsumerThread(settings, "members", [TOPIC], lambda _: None))
            others[-1].start()
            await until("it has joined", lambda: others[-1]._assigned or not member._next.records)
        for other in others:
            await other.stop()
        await until("all comes back", lambda: len(member._assigned) == PARTITIONS)
        before = len(heard)
        member.finished(heard[-1])
        say()
        read: set[int] = set()

        def all_read() -> bool:
            for batch in heard[before + len(done) :]:
                read.update(one.partition for one in batch.records)
                done.append(batch)
                member.finished(batch)
            return len(read) == PARTITIONS

        done: list[Batch] = []
        await until("every partition is read again", all_read, 20)
    finally:
        for one in (member, *others):
            await one.stop()
