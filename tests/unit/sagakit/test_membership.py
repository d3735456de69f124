"""A member whose loop is busy while partitions are taken and given back reads on afterwards.

The client is a stand-in that behaves as librdkafka was seen to: a partition that was lost while it
was paused is still paused when it comes back.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from sagakit.shell import kafka_client
from sagakit.shell.kafka_client import Batch, ConsumerThread
from sagakit.shell.settings import KitSettings

TOPIC = "saga-choreo.inventory-reserved"


class Said:
    """One message, as far as the member looks at it."""

    def __init__(self, partition: int, offset: int) -> None:
        self._partition, self._offset = partition, offset

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"v"

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 0, 0


class Client:
    """Partitions with what waits in them, and rebalances that a poll brings."""

    def __init__(self, partitions: dict[int, int]) -> None:
        self.waiting = {
            partition: deque(Said(partition, offset) for offset in range(count))
            for partition, count in partitions.items()
        }
        self.assigned: set[int] = set()
        self.paused: set[int] = set()
        self.rebalances: deque[Callable[[], None]] = deque()

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {one.partition for one in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Of what is not paused the client drops what it has fetched, and fetches it no more."""
        resumed = {one.partition for one in partitions}
        assert resumed <= self.paused, "what is not paused loses what was fetched of it"
        self.paused -= resumed

    def poll(self, _seconds: float) -> Said | None:
        if self.rebalances:
            self.rebalances.popleft()()
            return None
        for partition in self.assigned - self.paused:
            if self.waiting[partition]:
                return self.waiting[partition].popleft()
        return None

    def consume(self, _count: int, _seconds: float) -> list[Said]:
        return []


@pytest.fixture
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_client, "PAUSE_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(kafka_client, "POLL_SECONDS", 0.001)


async def busy(partitions: dict[int, int]) -> tuple[Any, Any, list[Batch]]:
    """A member that has handed over one batch, which is not done, and has paused what it reads."""
    batches: list[Batch] = []
    settings = KitSettings(topic_prefix="saga-")
    member: Any = ConsumerThread(settings, "g", ["choreo.inventory-reserved"], batches.append)
    member._loop.call_soon_threadsafe = lambda deliver, batch: deliver(batch)
    client = Client(partitions)
    give(member, client, set(partitions))
    while not batches:
        member._turn(client)
    while not client.paused:
        member._turn(client)
    assert member._next.records, "another batch waits for its turn"
    return member, client, batches


def give(member: Any, client: Client, partitions: set[int]) -> None:
    member._assign(client, [TopicPartition(TOPIC, one) for one in partitions])
    assert not member._assigned & member._paused, "what is fetched from now on counts as paused"
    client.assigned |= partitions


def lose(member: Any, client: Client, partitions: set[int]) -> None:
    client.assigned -= partitions
    member._lose(client, [TopicPartition(TOPIC, one) for one in partitions])


def read_on(member: Any, client: Client, batches: list[Batch]) -> int:
    """Let the loop be done with each batch; how many came."""
    before = len(batches)
    for _ in range(50):
        member.finished(batches[-1])
        member._turn(client)
    return len(batches) - before


@pytest.mark.usefixtures("in_no_time")
async def test_what_was_lost_and_comes_back_is_read() -> None:
    member, client, batches = await busy({2: 5})
    client.rebalances.append(lambda: lose(member, client, {2}))
    client.rebalances.append(lambda: give(member, client, {2}))
    while client.rebalances:
        member._turn(client)
    assert client.assigned == {2}
    assert not member._next.records
    assert read_on(member, client, batches) >= 3


@pytest.mark.usefixtures("in_no_time")
async def test_what_stays_is_read_when_what_waited_was_lost() -> None:
    member, client, batches = await busy({2: 2, 3: 5})
    waited = {one.partition for one in member._next.records}
    client.rebalances.append(lambda: lose(member, client, waited))
    member._turn(client)
    assert client.assigned == {2, 3} - waited
    assert read_on(member, client, batches) >= 1


async def test_patience_is_forgotten_once_there_is_nothing_to_do() -> None:
    member: Any = ConsumerThread(KitSettings(topic_prefix="saga-"), "g", [], lambda _: None)
    member._patience_seconds = 0.1
    member._turn(Client({}))
    assert member._patience_seconds == 0.0
