"""The consumer: one thread a group's member makes every call of it and hands batches to the loop.

The asyncio loop never touches a consumer. It takes one batch at a time and hands back the offsets
that are done; the thread keeps polling meanwhile, so that a slow database never costs the group's
membership. Knows no message's content.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from sagakit.shell.crash_points import Point, reached
from sagakit.shell.kafka_access import access_config
from sagakit.shell.patience import patience_seconds
from sagakit.shell.ports import Record
from sagakit.shell.settings import KitSettings

BATCH_MESSAGES_MAX: Final = 2_000
POLL_SECONDS: Final = 0.05
COMMIT_EVERY_SECONDS: Final = 0.2

PAUSE_AFTER_SECONDS: Final = 3.0
"""How long a batch may be in work before the partitions are paused and polling goes on without
taking messages."""
STOP_SECONDS: Final = 10.0
"""How long an orderly stop waits for the thread; a group that is left unsaid is noticed by its
session."""
REBUILD_SECONDS: Final = 1.0
JOINED_AFTER_SECONDS: Final = 5.0
"""A member of a full group is told of no assignment at all; polling this long without an error
counts as joined."""
COMPLAIN_EVERY_SECONDS: Final = 10.0

_HARMLESS_COMMITS: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError._NO_OFFSET,
        KafkaError._STATE,
    }
)

log = logging.getLogger(__name__)


def common_config(settings: KitSettings) -> dict[str, object]:
    """What consumer and producer share.

    Come back at once after an outage, and speak through our own log alone.
    """
    return access_config(settings) | {
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 200,
        "socket.connection.setup.timeout.ms": 2_000,
        "log_level": 0,
        "enable.metrics.push": False,
    }


def consumer_config(settings: KitSettings, group: str) -> dict[str, object]:
    """The consumer's settings; the two group protocols differ in who decides on the session."""
    config = common_config(settings) | {
        "group.id": group,
        "group.protocol": settings.kafka_group_protocol,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "max.poll.interval.ms": 60_000,
        "fetch.wait.max.ms": settings.kafka_fetch_wait_ms,
        "fetch.queue.backoff.ms": 10,
        "queued.max.messages.kbytes": 16_384,
        "topic.metadata.refresh.interval.ms": 10_000,
    }
    if settings.kafka_group_protocol == "consumer":
        # A member has the same partitions of every topic, and so all that is said of a saga.
        config["group.remote.assignor"] = "range"
    else:
        config |= {
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 6_000,
            "heartbeat.interval.ms": 1_000,
        }
    return config


@dataclass(slots=True)
class Batch:
    """What was polled together.

    `ends` are the next offsets a partition; `sent_at` is one Kafka timestamp a topic.
    """

    records: list[Record] = field(default_factory=list)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    sent_at: dict[str, float] = field(default_factory=dict)
    received_at: float = 0.0


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def is_fatal(error: KafkaError) -> bool:
    """Whether the client that says this will never work again."""
    return error.fatal() or error.code() == KafkaError._FATAL


class Complaints:
    """Says the same thing at most once in ten seconds."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    def say(self, what: str) -> None:
        """Log `what` as a warning unless it was said just now."""
        now = time.monotonic()
        if now - self._said.get(what, -COMPLAIN_EVERY_SECONDS) >= COMPLAIN_EVERY_SECONDS:
            if len(self._said) > 1_000:  # noqa: PLR2004 - bounded, whatever brokers say
                self._said.clear()
            self._said[what] = now
            log.warning("kafka: %s", what)


class ConsumerThread:
    """One consumer group's member. `deliver` is called on the asyncio loop, one batch at a time."""

    def __init__(
        self,
        settings: KitSettings,
        group: str,
        topics: Sequence[str],
        deliver: Callable[[Batch], None],
    ) -> None:
        self._config = consumer_config(settings, group)
        self._name = group.removeprefix(settings.topic_prefix)
        self._prefix = settings.topic_prefix
        self._bare = {self._prefix + topic: topic for topic in topics}
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name=f"consumer-{group}", daemon=True)
        self._stopping = threading.Event()
        self._room = threading.Semaphore(1)
        self._lock = threading.Lock()
        self._done: dict[tuple[str, int], int] = {}
        self._assigned: set[tuple[str, int]] = set()
        self._next = Batch()
        self._paused: set[tuple[str, int]] = set()
        """What the client has paused; what is lost meanwhile is still so when it comes back."""
        self._broken = False
        self._has_room = False
        """The loop takes a batch: the semaphore was acquired and nothing handed over yet."""
        self._patience_seconds = 0.0
        """How long the next batch may fill."""
        self._blocked_since: float | None = None
        self._committed_at = 0.0
        self._began_at = time.monotonic()
        self._quiet_since = 0.0
        self._complaints = Complaints()
        self.polled_at = time.monotonic()
        self._joined = False

    # ------------------------------------------------------------ called by the asyncio loop

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def finished(self, batch: Batch) -> None:
        """The batch is committed: its offsets may be stored, and the next batch may come."""
        with self._lock:
            self._done.update(batch.ends)
            now = time.monotonic()
            self._patience_seconds = patience_seconds(now - batch.received_at, now - self._began_at)
            self._began_at = now
        self._room.release()

    def cut(self) -> None:
        """Close the connections: the next turn builds a new client."""
        self._broken = True

    async def stop(self) -> None:
        """Stop polling, store the offsets of what is finished, leave the group."""
        self._stopping.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, STOP_SECONDS)

    @property
    def started(self) -> bool:
        """Whether `start` was called; before that the worker waits for its database."""
        return self._thread.ident is not None

    @property
    def alive(self) -> bool:
        """Whether the thread runs and has polled of late."""
        late = time.monotonic() - self.polled_at > 60  # noqa: PLR2004 - max.poll.interval.ms
        return self._thread.is_alive() and not late

    @property
    def joined(self) -> bool:
        """Whether the group was joined, even with nothing assigned."""
        return self._joined

    # ------------------------------------------------------------ on the thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._consume()
            except Exception:
                log.exception("consumer failed; building a new one")
                self._stopping.wait(REBUILD_SECONDS)

    def _consume(self) -> None:
        consumer = Consumer(self._config | {"error_cb": self._error, "on_commit": self._stored})
        consumer.subscribe(
            list(self._bare),
            on_assign=self._assign,
            on_revoke=self._revoke,
            on_lost=self._lose,
        )
        self._quiet_since = time.monotonic()
        try:
            while not self._stopping.is_set():
                self._turn(consumer)
            self._await_last(consumer)
        finally:
            self._store(consumer)
            consumer.close()
            self._assigned.clear()
            self._next, self._blocked_since = Batch(), None
            self._paused.clear()

    def _turn(self, consumer: Consumer) -> None:
        """Poll once.

        A batch that finds the loop busy waits here, and is filled up when its turn comes.
        """
        now = self.polled_at = time.monotonic()
        if self._broken:
            self._broken = False
            raise ConnectionAbortedError("the client gave up")
        if now - self._committed_at >= COMMIT_EVERY_SECONDS:
            self._store(consumer)
        batch = self._next
        if not batch.records:
            self._go_on(consumer)  # what waited may have been lost, and then nothing else would
            message = consumer.poll(POLL_SECONDS)
            if message is None:
                self._patience_seconds = 0.0  # whoever finds nothing to do is not busy
                self._joined = self._joined or now - self._quiet_since > JOINED_AFTER_SECONDS
                return
            self._take(message)
            if not batch.records:
                return
        if not self._has_room:
            self._has_room = self._room.acquire(timeout=POLL_SECONDS)
        if not self._has_room:
            self._keep_membership(consumer)
            return
        self._go_on(consumer)
        space = BATCH_MESSAGES_MAX - len(batch.records)
        if space > 0:
            for message in consumer.consume(space, self._patience_seconds):
                self._take(message)
        batch.received_at = time.monotonic()
        self._next, self._has_room = Batch(), False
        self._loop.call_soon_threadsafe(self._deliver, batch)

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            self._error(error)
            return
        topic = self._bare[message.topic() or ""]
        partition, offset = message.partition(), message.offset()
        if partition is None or offset is None:  # said by the client library's types, never seen
            return
        batch = self._next
        key, value = _bytes(message.key()), _bytes(message.value())
        batch.records.append(Record(topic, partition, offset, key, value, message.headers))
        batch.ends[topic, partition] = offset + 1
        if topic not in batch.sent_at:
            batch.sent_at[topic] = message.timestamp()[1] / 1_000

    def _keep_membership(self, consumer: Consumer) -> None:
        """The loop is busy.

        After a while pause what is assigned and keep polling, which takes nothing then.
        """
        now = time.monotonic()
        if self._blocked_since is None:
            self._blocked_since = now
        if now - self._blocked_since < PAUSE_AFTER_SECONDS:
            return
        # Again at each turn: a rebalance brings partitions that are not paused.
        if fresh := self._assigned - self._paused:
            consumer.pause(self._partitions(fresh))
            self._paused |= fresh
        message = consumer.poll(0)
        if message is not None:
            self._take(message)

    def _go_on(self, consumer: Consumer) -> None:
        self._blocked_since = None
        self._resume(consumer, self._assigned & self._paused)

    def _resume(self, consumer: Consumer, paused: set[tuple[str, int]]) -> None:
        """Only what is paused: of a partition that is not, the client drops what it has fetched."""
        if paused:
            consumer.resume(self._partitions(paused))
            self._paused -= paused

    def _partitions(self, places: Iterable[tuple[str, int]]) -> list[TopicPartition]:
        return [TopicPartition(self._prefix + topic, partition) for topic, partition in places]

    def _await_last(self, consumer: Consumer) -> None:
        """The batch in work may still finish; its offsets are then stored by the last commit."""
        deadline = time.monotonic() + PAUSE_AFTER_SECONDS
        while not self._has_room and time.monotonic() < deadline:
            self.polled_at = time.monotonic()
            self._has_room = self._room.acquire(timeout=POLL_SECONDS)

    # ------------------------------------------------------------ offsets and the group

    def _store(self, consumer: Consumer) -> None:
        """Commit what is finished. Nothing relies on offsets, so nothing waits for the answer."""
        self._committed_at = time.monotonic()
        with self._lock:
            done, self._done = self._done, {}
        offsets = [
            TopicPartition(self._prefix + topic, partition, offset)
            for (topic, partition), offset in done.items()
            if (topic, partition) in self._assigned
        ]
        if not offsets:
            return
        reached(Point.OFFSETS_DUE, self._name)
        try:
            consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as exception:
            self._stored(exception.args[0], offsets)
        reached(Point.OFFSETS_SENT, self._name)

    def _stored(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        if error is None:
            return
        if error.code() in _HARMLESS_COMMITS:
            log.debug("offsets not stored: %s", error)
            return
        self._complaints.say(f"offsets not stored: {error}")
        with self._lock:
            for one in offsets:
                self._done.setdefault((self._bare[one.topic], one.partition), one.offset)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        given = {(self._bare[one.topic], one.partition) for one in partitions}
        self._resume(consumer, given & self._paused)  # before any of it is fetched
        self._assigned |= given
        self._joined = True
        log.info("assigned %d partitions, %d in all", len(partitions), len(self._assigned))

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._store(consumer)
        self._lose(consumer, partitions)

    def _lose(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = {(self._bare[one.topic], one.partition) for one in partitions}
        self._assigned -= gone
        # Whoever has these partitions now reads them again; what waits here of them is left to him.
        waiting = self._next
        waiting.records = [one for one in waiting.records if (one.topic, one.partition) not in gone]
        waiting.ends = {place: end for place, end in waiting.ends.items() if place not in gone}
        log.info("gave up %d partitions, %d left", len(gone), len(self._assigned))

    def _error(self, error: KafkaError) -> None:
        if is_fatal(error):
            # A wiped broker knows the group no longer: the client gives up, and only a new one
            # joins.
            self._broken = True
        if error.code() != KafkaError._PARTITION_EOF:
            self._quiet_since = time.monotonic()
            self._complaints.say(str(error))
