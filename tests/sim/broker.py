"""Kafka in memory: a log a topic, an inbox a group, and everything that may happen between them.

A record is lost, doubled, delayed, overtaken, or read again from long ago; a batch is handed to a
second member while the first still works on it; what was not yet committed as done comes again.
"""

from collections import deque
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from zlib import crc32

from saga.contract import PARTITIONS, TOPIC_BY_NAME
from sagakit.shell.headers import MESSAGE_ID
from sagakit.shell.kafka_client import Batch
from sagakit.shell.ports import Record

if TYPE_CHECKING:
    from sim.world import World

OFFSETS_COMMITTED_AFTER_SECONDS = 0.2
FAILED_PAUSE_SECONDS = 10.0

Place = tuple[str, int, int]


def _headers(message_id: str) -> list[tuple[str, str]]:
    return [(MESSAGE_ID, message_id)] if message_id else []


@cache
def _partition(key: str) -> int:
    return crc32(key.encode()) % PARTITIONS


@dataclass(slots=True)
class Group:
    """One consumer group: what it has not taken, its members, and all that it was ever given."""

    service: str
    mode: str
    inbox: deque[Record] = field(default_factory=deque)
    idle: list["Member"] = field(default_factory=list)
    history: list[Record] = field(default_factory=list)
    polled_soon: bool = False


class Member:
    """In the place of `ConsumerThread`: one worker's membership of its group."""

    def __init__(self, _settings: Any, group: str, _topics: Any, deliver: Any) -> None:
        self.group_name = group
        self.deliver = deliver
        self.group: Group | None = None
        self.process: Any = None
        self.in_work: list[Record] = []
        self._done: deque[tuple[float, list[Record]]] = deque()

    def start(self) -> None:
        assert self.group is not None
        self.group.idle.append(self)
        self.process.world.broker.dispatch(self.group)

    def finished(self, batch: Batch) -> None:
        assert self.group is not None
        world = self.process.world
        world.judge.finished(self.group.service, batch.records)
        if self.in_work == batch.records:
            self.in_work = []
        self._done.append((world.time + OFFSETS_COMMITTED_AFTER_SECONDS, batch.records))
        while self._done and self._done[0][0] < world.time:
            self._done.popleft()
        self.group.idle.append(self)
        world.broker.dispatch(self.group)

    def give(self, batch: Batch) -> None:
        self.in_work = batch.records
        self.deliver(batch)

    def left_behind(self, time: float) -> list[Record]:
        """What the group reads again where this member dies: in work, or done but not committed."""
        done = [record for until, records in self._done if until > time for record in records]
        return [*done, *self.in_work]


class Broker:
    """The logs and groups of one world."""

    def __init__(self, world: "World", groups: list[Group]) -> None:
        self.world = world
        self.groups = groups
        self.away = False
        self.logged: dict[str, bytes] = {}
        """All ids that ever were in a topic, with their bytes."""
        self.under_way: int = 0
        self._ends: dict[tuple[str, int], int] = {}
        self._hearers = {
            name: [g for g in groups if g.mode == topic.mode and g.service in topic.heard_by]
            for name, topic in TOPIC_BY_NAME.items()
        }
        self._wiped_at = -1.0

    def append(
        self, topic: str, key: str, value: bytes | None, message_id: str, poison: str = ""
    ) -> None:
        """Write one record and send it on its ways. `poison` says why nobody can handle it."""
        record = self._record(topic, key, value, message_id)
        if poison:
            self.world.poison[topic, record.partition, record.offset] = poison
        if message_id:
            self.world.check_bytes(message_id, value or b"")
            self.logged[message_id] = value or b""
        for group in self._hearers.get(topic, ()):
            self._send(group, record)

    def hand(self, group: Group, topic: str, key: str, value: bytes) -> Record:
        """Give a group a record of unknown origin, which no rewind brings back."""
        record = self._record(topic, key, value, "")
        group.inbox.append(record)
        self.dispatch(group)
        return record

    def may_come(self, group: Group, record: Record) -> bool:
        """Whether somebody has it in hand, or is still to be given it."""
        members = (member for process in self.world.processes for member in process.members)
        return record in group.inbox or any(record in member.in_work for member in members)

    def _record(self, topic: str, key: str, value: bytes | None, message_id: str) -> Record:
        partition = _partition(key)
        offset = self._ends[topic, partition] = self._ends.get((topic, partition), -1) + 1
        headers = partial(_headers, message_id)
        return Record(topic, partition, offset, key.encode(), value, headers)

    def _send(self, group: Group, record: Record) -> None:
        world, rates = self.world, self.world.rates
        if world.faulty:
            if world.chance.random() < rates.drop:
                world.fault("message lost", group.service, record.topic)
                return
            if world.chance.random() < rates.duplicate:
                world.fault("message doubled", group.service, record.topic)
                self._arrive_later(group, record, world.transit() + world.chance.random() * 3.0)
        self._arrive_later(group, record, world.transit())

    def _arrive_later(self, group: Group, record: Record, seconds: float) -> None:
        self.under_way += 1
        sent_at = self.world.time
        self.world.after(seconds, lambda: self._arrive(group, record, sent_at))

    def _arrive(self, group: Group, record: Record, sent_at: float) -> None:
        self.under_way -= 1
        if sent_at <= self._wiped_at:
            return
        group.inbox.append(record)
        group.history.append(record)
        self._poll_soon(group)

    def _poll_soon(self, group: Group) -> None:
        """A member polls now and then, so that records come together in a batch."""
        if not group.polled_soon:
            group.polled_soon = True
            self.world.after(
                self.world.chance.random() * self.world.rates.poll, lambda: self._poll(group)
            )

    def _poll(self, group: Group) -> None:
        group.polled_soon = False
        self.dispatch(group)

    def dispatch(self, group: Group) -> None:
        """Give what is there to members that have nothing to do."""
        world = self.world
        while group.inbox and group.idle and not self.away:
            member = group.idle.pop(int(world.chance.random() * len(group.idle)))
            most = 1 + int(world.chance.random() * world.rates.batch)
            records = _take(group.inbox, most)
            world.delivered(group, records)
            if world.faulty and world.chance.random() < world.rates.overlap:
                world.fault("rebalance overlap", group.service, f"{len(records)} records twice")
                group.inbox.extend(records)
            member.give(Batch(records))

    def return_to_group(self, member: Member) -> None:
        """A member is gone."""
        group = member.group
        assert group is not None
        if member in group.idle:
            group.idle.remove(member)
        behind = sorted(set(member.left_behind(self.world.time)), key=_place)
        group.inbox.extendleft(reversed(behind))
        member.in_work = []
        self.dispatch(group)

    def rewind(self, group: Group, count: int) -> None:
        """The group reads again from an earlier offset."""
        group.inbox.extend(group.history[-count:])
        self.dispatch(group)

    def forget_everything(self) -> None:
        """Topics, offsets and what is under way: all of it is gone."""
        self._wiped_at = self.world.time
        for group in self.groups:
            group.inbox.clear()
            group.history.clear()

    def quiet(self) -> bool:
        return self.under_way == 0 and not any(group.inbox for group in self.groups)


def _place(record: Record) -> Place:
    """Who begins again reads each partition in the order of its offsets."""
    return record.topic, record.partition, record.offset


def _take(inbox: deque[Record], most: int) -> list[Record]:
    """The next records; one offset is never twice in a batch, however often it is read."""
    records: list[Record] = []
    while inbox and len(records) < most and inbox[0] not in records:
        records.append(inbox.popleft())
    return records


class Publisher:
    """In the place of the producer: what production calls, over the log above."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._world = process.world
        self._acknowledged: list[str] = []
        self._failed: dict[str, float] = {}
        self.in_flight: set[str] = set()
        self.recovered: list[Any] = []

    @property
    def healthy(self) -> bool:
        return not self._world.broker.away

    def publish(self, rows: Any) -> None:
        if not self.healthy:
            return
        world = self._world
        for row in rows:
            wait = 0.0
            if row.publish_at is not None:
                wait = max(0.0, (row.publish_at - world.moment(0.0)).total_seconds())
            if row.id in self.in_flight:
                continue
            if wait == 0.0:
                self.in_flight.add(row.id)
            world.after(wait + world.latency(), lambda row=row: self._produce(row))

    def _produce(self, row: Any) -> None:
        world = self._world
        if not self._process.alive:
            return
        self.in_flight.add(row.id)
        if world.broker.away or (
            world.faulty and world.chance.random() < world.rates.produce_error
        ):
            world.fault("produce failed", self._process.name, row.topic)
            self._give_up(row.id)
            return
        world.broker.append(row.topic, row.key, row.payload, row.id)
        if world.faulty and world.chance.random() < world.rates.acknowledgement_lost:
            world.fault("acknowledgement lost", self._process.name, row.topic)
            self._give_up(row.id)
            return
        self._acknowledged.append(row.id)

    def _give_up(self, row_id: str) -> None:
        self.in_flight.discard(row_id)
        self._failed[row_id] = self._world.time + FAILED_PAUSE_SECONDS

    def take_acknowledged(self, at_least: int = 1) -> list[str]:
        if len(self._acknowledged) < at_least:
            return []
        taken, self._acknowledged = self._acknowledged, []
        return taken

    def put_back(self, ids: Any) -> None:
        self._acknowledged.extend(ids)

    def forget(self, ids: Any) -> None:
        self.in_flight.difference_update(ids)

    def left_alone(self) -> list[str]:
        now = self._world.time
        self._failed = {one: until for one, until in self._failed.items() if until > now}
        return [*sorted(self.in_flight), *self._failed]
