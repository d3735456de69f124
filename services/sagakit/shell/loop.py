"""The loop of one service in one mode.

A batch in, one statement, what follows is published, the next batch.

Whatever goes wrong has one of three ends (there is no fourth): what passes by itself means the same
batch again for as long as it takes; one culprit is found by bisection and put aside as a dead
letter; the rest of the batch goes on. Knows no business: a handler decides and writes its own rows.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

import asyncpg

from sagakit.core.deadletters import Poison, Reason
from sagakit.shell import crash_points, dead, outbox, workers
from sagakit.shell.crash_points import Point, reached
from sagakit.shell.database import ACQUIRE_TIMEOUT_SECONDS, is_lost, passes
from sagakit.shell.kafka_client import Batch, ConsumerThread
from sagakit.shell.metrics import MODE_WORDS, SEVERAL
from sagakit.shell.outbox import OutboxRow
from sagakit.shell.ports import (
    Conflict,
    Connection,
    DeadLetter,
    Handled,
    Handler,
    Message,
    Record,
    Write,
)
from sagakit.shell.runtime import Runtime
from sagakit.shell.writes import write

ATTEMPTS_MAX: Final = 3
"""Tries of a batch that fails for no passing reason, before it is bisected."""
CONFLICTS_MAX: Final = 100
"""A guarded write that never finds what was loaded is a fault of the handler, treated like one."""
SETTLE_AT: Final = 64
"""Fewer acknowledged outbox rows than this are left to the task that settles twice a second."""
CAUTIOUS_MESSAGES: Final = 500
"""After an unclean stop each worker counts so many messages before it works on them."""
BACKOFF_MIN_SECONDS: Final = 0.05
BACKOFF_MAX_SECONDS: Final = 2.0
CONFLICT_BACKOFF_MAX_SECONDS: Final = 0.1

M = TypeVar("M")
T = TypeVar("T")

log = logging.getLogger(__name__)


def backoff_seconds(attempt: int, longest: float = BACKOFF_MAX_SECONDS) -> float:
    """How long to wait after failure number `attempt` (from 1): doubling, capped, with jitter."""
    grown = BACKOFF_MIN_SECONDS * 2.0 ** min(attempt - 1, 10)
    return min(longest, grown) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


class Worker(Generic[M]):
    """One handler at work: its consumer group's member, and one database connection of its own."""

    def __init__(self, handler: Handler[M], runtime: Runtime, crew: workers.Crew) -> None:
        settings = runtime.settings
        self._handler = handler
        self._runtime = runtime
        self._mirror = f"dlq.{handler.service}-{handler.mode}"
        self._row = workers.WorkerRow.new(runtime.pool, handler.mode, crew)
        self._batches: asyncio.Queue[Batch] = asyncio.Queue()
        self._connection: Connection | None = None
        self._releasing: asyncio.Future[None] | None = None
        self._cautious_messages = 0
        group = f"{settings.topic_prefix}{handler.service}-{handler.mode}"
        self.consumer = ConsumerThread(settings, group, handler.topics, self._batches.put_nowait)

    async def run(self) -> None:
        """Work until cancelled. Raises only what is a fault of the loop itself."""
        died = await self._persist(self._row.enter)
        self._cautious_messages = CAUTIOUS_MESSAGES if died else 0
        self.consumer.start()
        while True:
            batch = await self._batches.get()
            await self._runtime.switchboard.resumed()
            await self._work(batch)
            self.consumer.finished(batch)

    async def stop(self) -> None:
        """Finish the batch in work, store offsets, leave the group."""
        await self.consumer.stop()

    async def leave(self) -> None:
        """After `run` has ended: give the connection back and remove the worker's row."""
        self._let_go()
        await self._row.leave()

    def cut(self) -> None:
        """Close every connection; what was in work is worked on again."""
        self.consumer.cut()
        self._let_go()

    async def seen(self) -> None:
        """The heartbeat of the worker's row."""
        await self._row.seen()

    # ------------------------------------------------------------ one batch

    async def _work(self, batch: Batch) -> None:
        if self._cautious_messages > 0:
            self._cautious_messages -= len(batch.records)
            await self._work_cautiously(batch.records)
        else:
            messages, letters = self._read(batch.records)
            await self._settle(messages, letters)
        self._observe_times(batch)

    async def _work_cautiously(self, records: Sequence[Record]) -> None:
        """Count attempts before anything is done: what kills the process again and again ends here.

        Most processes die of something else, so a batch of which nothing was in hand when one died
        is worked on as usual; else one by one. A killer that was put aside before is passed over.
        """

        async def look() -> tuple[Sequence[Record], bool]:
            connection = await self._connect()
            sound = await dead.without_killers(connection, records)
            return sound, await workers.were_in_hand(connection, sound)

        sound, known = await self._persist(look)
        for portion in [[one] for one in sound] if known else filter(None, [sound]):
            await self._work_counted(portion)

    async def _work_counted(self, records: Sequence[Record]) -> None:
        who = partial(crash_points.by_records, self._handler.mode, records)

        async def take() -> int:
            connection = await self._connect()
            reached(Point.HAND_DECIDED, who)
            counted = await workers.take_in_hand(connection, records)
            reached(Point.HAND_COMMITTED, who)
            return counted

        attempts = await self._persist(take)
        if attempts > workers.ATTEMPTS_MAX and len(records) == 1:
            detail = f"a process died {attempts - 1} times with this message in hand"
            letter = DeadLetter(records[0], Reason.CRASH_LOOP, detail)
            await self._put_aside([letter], in_hand=records)
            return
        messages, letters = self._read(records)
        await self._settle(messages, letters, in_hand=records)

    def _read(self, records: Sequence[Record]) -> tuple[list[Message[M]], list[DeadLetter]]:
        messages: list[Message[M]] = []
        letters: list[DeadLetter] = []
        decode = self._handler.decode
        for record in records:
            letter = dead.unreadable(record)
            if letter is not None:
                letters.append(letter)
                continue
            try:
                messages.append(Message(record, decode(record)))
            except Poison as poison:
                letters.append(_poisoned(record, poison))
            except Exception as error:
                log.exception("decoding failed", extra={"topic": record.topic})
                letters.append(DeadLetter(record, Reason.HANDLER_ERROR, f"decode: {error!r}"))
        return messages, letters

    async def _settle(
        self,
        messages: Sequence[Message[M]],
        letters: Sequence[DeadLetter],
        in_hand: Sequence[Record] = (),
    ) -> None:
        """Return once every message is committed as handled or as a dead letter."""
        failures = waits = conflicts = 0
        while True:
            try:
                await self._transact(messages, letters, in_hand)
                return None
            except Conflict as error:
                conflicts += 1
                if conflicts >= CONFLICTS_MAX:
                    return await self._divide(messages, letters, error, in_hand)
                await asyncio.sleep(backoff_seconds(conflicts, CONFLICT_BACKOFF_MAX_SECONDS))
            except Poison as error:
                return await self._divide(messages, letters, error, in_hand)
            except Exception as error:  # noqa: BLE001 - every error has its end here, none is swallowed
                if passes(error):
                    waits += 1
                    self._complain(error, waits)
                    await asyncio.sleep(backoff_seconds(waits))
                else:
                    failures += 1
                    if failures >= ATTEMPTS_MAX:
                        return await self._divide(messages, letters, error, in_hand)
                    await asyncio.sleep(backoff_seconds(failures))
            self._count(messages, "retried")

    async def _divide(
        self,
        messages: Sequence[Message[M]],
        letters: Sequence[DeadLetter],
        error: Exception,
        in_hand: Sequence[Record],
    ) -> None:
        """The batch cannot be handled as a whole.

        What is certain goes first, so that it is never taken for the culprit.
        """
        if letters:
            await self._put_aside(letters)
        if not messages:
            return
        if len(messages) == 1:
            letter = _culprit(messages[0], error)
            log.error("a message cannot be handled", exc_info=error, extra=_place(letter.record))
            await self._put_aside([letter], in_hand)
            return
        middle = len(messages) // 2
        log.warning("a batch of %d failed (%r); dividing it", len(messages), error)
        await self._settle(messages[:middle], ())
        await self._settle(messages[middle:], (), in_hand)

    async def _put_aside(
        self, letters: Sequence[DeadLetter], in_hand: Sequence[Record] = ()
    ) -> None:
        """Write dead letters, however long it takes: there is nothing else to do with them."""

        async def write() -> None:
            await self._transact((), letters, in_hand)

        await self._persist(write, anything=True)

    # ------------------------------------------------------------ one statement

    async def _transact(
        self,
        messages: Sequence[Message[M]],
        letters: Sequence[DeadLetter],
        in_hand: Sequence[Record],
    ) -> None:
        runtime, publisher = self._runtime, self._runtime.publisher
        connection = await self._connect()
        ids = publisher.take_acknowledged(at_least=SETTLE_AT)
        try:
            handled = await self._handler.handle(connection, messages) if messages else Handled()
            aside = [*letters, *handled.dead]
            settlement = outbox.settlement(ids, keep=runtime.settings.outbox_keep)
            who = partial(_names, self._handler.mode, messages, letters)
            reached(Point.BATCH_DECIDED, who)
            if aside or in_hand:
                async with connection.transaction():
                    mirrors = await dead.insert(connection, self._handler.mode, self._mirror, aside)
                    rows = runtime.rows_of([*handled.outgoing, *mirrors])
                    if in_hand:
                        await workers.put_down(connection, in_hand)
                    await self._write(connection, handled, rows, settlement)
                    reached(Point.ASIDE_WRITTEN, who)
            else:
                rows = runtime.rows_of(handled.outgoing)
                await self._write(connection, handled, rows, settlement)
        except BaseException as error:
            publisher.put_back(ids)
            if is_lost(connection) or not isinstance(
                error, asyncpg.PostgresError | Conflict | Poison
            ):
                self._let_go()
            raise
        runtime.settled(ids)
        reached(Point.BATCH_COMMITTED, who)
        runtime.publish_soon(rows)
        reached(Point.BATCH_PUBLISHED, who)
        try:
            await self._handler.committed(connection, handled)
            self._observe(messages, handled, aside)
        except Exception:
            log.exception("after COMMIT: what is committed stays, and was published")

    @staticmethod
    async def _write(
        connection: Connection,
        handled: Handled,
        rows: Sequence[OutboxRow],
        settlement: Sequence[Write],
    ) -> None:
        """State and what is said of it, in one statement."""
        said = outbox.insertion(rows)
        measured = await write(connection, [*handled.writes, *said, *settlement])
        handled.measured = measured[: len(handled.writes)]

    async def _connect(self) -> Connection:
        if self._connection is None:
            pool = self._runtime.pool
            self._connection = await pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS)
        return self._connection

    def _let_go(self) -> None:
        """Close it: after a timeout nobody knows what it still does. The pool opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if not is_lost(connection):
                connection.terminate()
            self._releasing = asyncio.ensure_future(self._runtime.pool.release(connection))

    async def _persist(self, work: Callable[[], Awaitable[T]], *, anything: bool = False) -> T:
        """Do `work` again until it succeeds. Raises what does not pass, unless `anything`."""
        attempt = 0
        while True:
            try:
                return await work()
            except Exception as error:  # judged by the next line
                if not (anything or passes(error)):
                    raise
                attempt += 1
                self._complain(error, attempt)
                if self._connection is not None and is_lost(self._connection):
                    self._let_go()
            await asyncio.sleep(backoff_seconds(attempt))

    # ------------------------------------------------------------ what is said of it

    def _complain(self, error: Exception, attempt: int) -> None:
        level = logging.WARNING if attempt in (1, 10) or attempt % 100 == 0 else logging.DEBUG
        log.log(level, "same again (%d): %r", attempt, error, extra={"mode": self._handler.mode})

    def _count(self, messages: Sequence[Message[M]], outcome: str) -> None:
        service, metrics = self._handler.service, self._runtime.metrics
        for topic, count in Counter(one.record.topic for one in messages).items():
            metrics.observe("messages_processed_total", (service, topic, outcome), count)

    def _observe(
        self, messages: Sequence[Message[M]], handled: Handled, letters: Sequence[DeadLetter]
    ) -> None:
        """Count what is now true."""
        service, observe = self._handler.service, self._runtime.metrics.observe
        counts = Counter(one.record.topic for one in messages)
        for one in handled.dead:
            counts[one.record.topic] -= 1
        if handled.duplicates:
            topic = next(iter(counts)) if len(counts) == 1 else SEVERAL
            if topic in counts:
                counts[topic] -= handled.duplicates
            labels = (service, topic, "duplicate")
            observe("messages_processed_total", labels, handled.duplicates)
        if handled.late:
            topic = next(iter(counts)) if len(counts) == 1 else SEVERAL
            mode = MODE_WORDS[self._handler.mode]
            observe("late_events_total", (mode, topic), handled.late)
        for topic, count in counts.items():
            if count > 0:
                observe("messages_processed_total", (service, topic, "ok"), count)
        for letter in letters:
            topic = letter.record.topic
            observe("messages_processed_total", (service, topic, "dead_lettered"), 1)
            observe("dead_letters_total", (service, topic, letter.reason.value), 1)
        for name, names, value in handled.observations:
            observe(name, names, value)

    def _observe_times(self, batch: Batch) -> None:
        service, observe = self._handler.service, self._runtime.metrics.observe
        seconds, now = time.monotonic() - batch.received_at, time.time()
        for topic, sent_at in batch.sent_at.items():
            labels = (service, topic, "ok")
            observe("message_processing_seconds", labels, seconds)
            observe("message_transit_seconds", labels, max(0.0, now - seconds - sent_at))
        log.debug(
            "batch of %d in %.1f ms",
            len(batch.records),
            seconds * 1_000,
            extra={"mode": self._handler.mode},
        )


def _names(
    mode: str, messages: Sequence[Message[M]], letters: Sequence[DeadLetter]
) -> Collection[str]:
    """Of a batch, at its crash points."""
    records = [*(one.record for one in messages), *(one.record for one in letters)]
    return crash_points.by_records(mode, records)


def _place(record: Record) -> dict[str, object]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


def _poisoned(record: Record, poison: Poison) -> DeadLetter:
    return DeadLetter(record, poison.reason, poison.detail, poison.saga_id)


def _culprit(message: Message[M], error: Exception) -> DeadLetter:
    if isinstance(error, Poison):
        return _poisoned(message.record, error)
    return DeadLetter(message.record, Reason.HANDLER_ERROR, f"{type(error).__name__}: {error}")
