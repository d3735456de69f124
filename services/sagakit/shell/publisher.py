"""The producer: publishes outbox rows from memory, and knows which of them Kafka has acknowledged.

Everything here runs on the asyncio loop's thread. `poll(0)` is called by the loop, before
acknowledgements are collected and by a ticker: a poll thread of its own would fight for the
interpreter's lock once a delivery report. A row that fails is left to the sweeper; nothing is ever
lost here, because the row is in the database.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sagakit.shell.crash_points import Point, reached
from sagakit.shell.faults import Copy
from sagakit.shell.kafka_client import Complaints, common_config, is_fatal
from sagakit.shell.outbox import OutboxRow, written_at_seconds
from sagakit.shell.settings import KitSettings

POLL_EVERY_SECONDS: Final = 0.05
PROBE_EVERY_SECONDS: Final = 0.5
PROBE_TIMEOUT_SECONDS: Final = 2.0
QUEUE_FULL_WAIT_SECONDS: Final = 0.01
ALONE_ROWS_MAX: Final = 16
"""So few rows with nothing else under way are sent at once, and not kept for company."""
ALONE_SECONDS: Final = 0.001
"""How long that may hold up the loop: a broker beside us has acknowledged them by then."""
WAITING_ROWS_MAX: Final = 50_000
"""Rows that wait for space in the producer's queue; beyond that they are left to the sweeper."""
FAILED_PAUSE_SECONDS: Final = 10.0
"""How long a row that failed is left out by the sweeper, so that hopeless rows do not hold up the
others."""
FAILED_ROWS_MAX: Final = 10_000

log = logging.getLogger(__name__)


def producer_config(settings: KitSettings) -> dict[str, object]:
    """murmur2, as Java's and Go's clients.

    The same saga is in the same partition whoever says it.
    """
    return common_config(settings) | {
        "enable.idempotence": True,
        "linger.ms": settings.kafka_linger_ms,
        "delivery.timeout.ms": 30_000,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "queue.buffering.max.messages": 100_000,
    }


class Publisher:
    """One producer of one process, renewed when it fails for good."""

    def __init__(
        self,
        settings: KitSettings,
        source: str,
        *,
        copies: Callable[[str, bytes], list[Copy]],
        delayed: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """`copies` says what a fault puts beside a message: nothing, almost always. `delayed` is
        told how long the first row of each collection took to be acknowledged.
        """
        self._delayed = delayed
        self._config = producer_config(settings) | {"error_cb": self._error}
        self._source = source.encode()
        self._copies = copies
        self._producer = Producer(self._config)
        self._acknowledged: deque[str] = deque()
        self._waiting: deque[OutboxRow] = deque()
        self._failed: dict[str, float] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._complaints = Complaints()
        self._broken = False
        self._cluster = ""
        self._down = asyncio.Event()
        self._down.set()
        self._tasks: list[asyncio.Task[None]] = []
        self.in_flight: set[str] = set()
        """Given to the producer and not yet known to be deleted: the sweeper leaves them alone."""
        self.unacknowledged = 0
        self.recovered: list[Callable[[], None]] = []
        """Called each time the broker answers again."""

    @property
    def healthy(self) -> bool:
        """Whether the broker answered when it was last asked."""
        return not self._down.is_set()

    def start(self) -> None:
        """Begin to poll and to probe.

        The first probe is the warm-up: a first send without it costs half a second.
        """
        self._tasks = [asyncio.create_task(self._poll()), asyncio.create_task(self._probe())]

    def cut(self) -> None:
        """Close the connections: a new producer is built once the broker answers."""
        self._broken = True
        self._down.set()

    async def stop(self, timeout_seconds: float) -> None:
        """Wait for what is in flight, then let go; what is left is in the outbox."""
        await self.flush(timeout_seconds)
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def flush(self, timeout_seconds: float) -> bool:
        """Wait until all that was published is acknowledged.

        False when time ran out or the broker is away.
        """
        deadline = time.monotonic() + timeout_seconds
        while self.unacknowledged or self._waiting:
            self._producer.poll(0)
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(QUEUE_FULL_WAIT_SECONDS)
        return True

    async def wait_healthy(self, timeout_seconds: float) -> bool:
        """Wait until the broker answers; for a process that places orders and ends."""
        deadline = time.monotonic() + timeout_seconds
        while not self.healthy and time.monotonic() < deadline:
            await asyncio.sleep(POLL_EVERY_SECONDS)
        return self.healthy

    # ------------------------------------------------------------ publishing

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Give rows to the producer, now or at their time.

        Never raises: what cannot be given is left to the sweeper.
        """
        if not self.healthy:
            return
        moment: datetime | None = None
        at_once: list[OutboxRow] = []
        for row in rows:
            if row.publish_at is None:
                at_once.append(row)
                continue
            moment = moment or datetime.now(UTC)
            delay_seconds = (row.publish_at - moment).total_seconds()
            if delay_seconds <= 0:
                at_once.append(row)
            else:
                self._later(delay_seconds, row)
        self._waiting.extend(at_once)
        self._give()
        if 0 < self.unacknowledged <= ALONE_ROWS_MAX and self.unacknowledged == len(at_once):
            # While a flush lasts the client sends without waiting for company.
            self._producer.flush(ALONE_SECONDS)

    def _later(self, delay_seconds: float, row: OutboxRow) -> None:
        def now_due() -> None:
            self._timers.discard(timer)
            self.publish([row._replace(publish_at=None)])

        timer = asyncio.get_running_loop().call_later(delay_seconds, now_due)
        self._timers.add(timer)

    def _give(self) -> None:
        produce, waiting, in_flight = self._producer.produce, self._waiting, self.in_flight
        now = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
        while waiting:
            row = waiting[0]
            if row.id in in_flight:
                waiting.popleft()
                continue
            headers = self._headers(row, now)
            try:
                for copy in self._copies(row.id, row.payload):
                    beside = headers if copy.has_headers else None
                    produce(row.topic, copy.payload, row.key, headers=beside)
                produce(
                    row.topic,
                    row.payload,
                    row.key,
                    on_delivery=partial(self._delivered, row.id),
                    headers=headers,
                )
            except BufferError:
                self._producer.poll(0)
                self._wait_for_space()
                return
            except KafkaException as exception:
                self._error(exception.args[0])
                waiting.clear()
                return
            waiting.popleft()
            in_flight.add(row.id)
            self.unacknowledged += 1
        reached(Point.GIVEN)

    def _wait_for_space(self) -> None:
        if len(self._waiting) > WAITING_ROWS_MAX:
            self._waiting.clear()
            return
        asyncio.get_running_loop().call_later(QUEUE_FULL_WAIT_SECONDS, self._give)

    def _headers(self, row: OutboxRow, now: bytes) -> list[tuple[str, str | bytes | None]]:
        """CloudEvents' Kafka binding. `ce_id` first: our own reader stops there."""
        key = row.key.encode()
        headers: list[tuple[str, str | bytes | None]] = [
            ("ce_id", row.id.encode()),
            ("ce_specversion", b"1.0"),
            ("ce_type", row.type.encode()),
            ("ce_source", self._source),
            ("ce_time", now),
            ("ce_sagaid", key),
            ("ce_correlationid", key),
        ]
        if row.causation_id:
            headers.append(("ce_causationid", row.causation_id.encode()))
        headers.append(("traceparent", row.traceparent.encode()))
        return headers

    # ------------------------------------------------------------ what Kafka answers

    def _delivered(self, row_id: str, error: KafkaError | None, _message: Message) -> None:
        self.unacknowledged -= 1
        if error is None:
            if not self._acknowledged:  # one sample a collection: thousands a second come here
                self._delayed(time.time() - written_at_seconds(row_id))
            self._acknowledged.append(row_id)
            return
        self.in_flight.discard(row_id)
        if len(self._failed) < FAILED_ROWS_MAX:
            self._failed[row_id] = time.monotonic() + FAILED_PAUSE_SECONDS
        self._error(error)

    def _error(self, error: KafkaError) -> None:
        self._complaints.say(str(error))
        if is_fatal(error):
            self._broken = True
        if self._broken or error.code() in (
            KafkaError._ALL_BROKERS_DOWN,
            KafkaError._MSG_TIMED_OUT,
        ):
            self._down.set()

    def take_acknowledged(self, at_least: int = 1) -> list[str]:
        """The ids that Kafka acknowledged since the last call.

        The caller deletes them and says `forget`.

        None where they are fewer than `at_least`: a statement for a handful is not worth its round
        trip.
        """
        self._producer.poll(0)
        if len(self._acknowledged) < at_least:
            return []
        taken = list(self._acknowledged)
        self._acknowledged.clear()
        return taken

    def put_back(self, ids: Sequence[str]) -> None:
        """The transaction that was to delete them failed."""
        self._acknowledged.extend(ids)

    def forget(self, ids: Sequence[str]) -> None:
        """They are deleted: no sweeper can find them any more."""
        self.in_flight.difference_update(ids)

    def left_alone(self) -> list[str]:
        """Ids that the sweeper must not publish: in flight, or failed a moment ago."""
        now = time.monotonic()
        self._failed = {row_id: until for row_id, until in self._failed.items() if until > now}
        return [*self.in_flight, *self._failed]

    # ------------------------------------------------------------ tasks

    async def _poll(self) -> None:
        while True:
            try:
                self._producer.poll(0)
            except KafkaException as exception:
                self._error(exception.args[0])
            await asyncio.sleep(POLL_EVERY_SECONDS)

    async def _probe(self) -> None:
        """While the broker is away ask every half second.

        A producer that failed for good is replaced first.
        """
        while True:
            await self._down.wait()
            try:
                if self._broken:
                    self._renew()
                cluster = await asyncio.to_thread(self._ask)
                if self._cluster not in ("", cluster):
                    # A wiped broker gives our producer's number to another: theirs would pass for
                    # duplicates of ours.
                    self._renew()
            except Exception as error:  # noqa: BLE001 - whatever it is, the broker is asked again
                self._complaints.say(f"broker does not answer: {error}")
                await asyncio.sleep(PROBE_EVERY_SECONDS)
                continue
            self._cluster = cluster
            self._down.clear()
            self._failed.clear()
            log.info("broker answers")
            for tell in self.recovered:
                tell()

    def _ask(self) -> str:
        found = self._producer.list_topics(timeout=PROBE_TIMEOUT_SECONDS)
        return str(found.cluster_id or "")

    def _renew(self) -> None:
        log.warning("building a new producer")
        old, self._producer = self._producer, Producer(self._config)
        old.purge()
        old.flush(
            PROBE_EVERY_SECONDS
        )  # its delivery reports say which rows are no longer in flight
        self._broken = False
