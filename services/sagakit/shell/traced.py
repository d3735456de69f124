"""A handler and a publisher whose work is told in traces, in the place of those that tell nothing.

Neither the loop nor the publisher knows of it. What a batch came to is told once it is committed,
a message once Kafka has it.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar

from confluent_kafka import KafkaError
from confluent_kafka import Message as Delivered

from sagakit.core.deadletters import Poison
from sagakit.shell.outbox import OutboxRow
from sagakit.shell.ports import Connection, Handled, Handler, Message, Record
from sagakit.shell.propagation import caused_at, worked_at
from sagakit.shell.publisher import Publisher
from sagakit.shell.settings import KitSettings
from sagakit.shell.traces import Traces
from sagakit.shell.tracing import Tracing

SAID_MAX: Final = 100_000
"""Messages whose spans wait for Kafka's answer: as many as the producer's queue holds."""
NAMELESS_MAX: Final = 10_000
"""Messages without an id in work at once; what is said in answer to more has no parent."""

M = TypeVar("M")


class Work(NamedTuple):
    """A batch in work. `began` is in nanoseconds since 1970."""

    messages: Sequence[Message[Any]]
    began: int


class Tracer:
    """One process's traces, and what its handlers and its publisher must know of one another."""

    def __init__(self, service: str, settings: KitSettings) -> None:
        self.traces = Traces(service, settings)
        self._prefix = settings.topic_prefix
        self._service = service
        self._nameless: dict[str, int] = {}

    def group(self, mode: str) -> str:
        """The consumer group of this service in a mode."""
        return f"{self._prefix}{self._service}-{mode}"

    def handler(self, handler: Handler[M]) -> Handler[M]:
        """The handler, whose work is told."""
        return TracedHandler(handler, self)

    def publisher(self, *given: Any, **named: Any) -> Publisher:
        """A publisher that tells what Kafka has."""
        return TracedPublisher(self, *given, **named)

    def begun(self, group: str, work: Work) -> None:
        """What is said of a saga without a cause follows from a message without an id in work."""
        for message in work.messages:
            if not message.record.message_id and len(self._nameless) < NAMELESS_MAX:
                saga_id = saga_of(message)
                self._nameless[saga_id] = worked_at(saga_id, group, message.record).span

    def done(self, work: Work) -> None:
        """What was said in answer was given to the publisher."""
        for message in work.messages:
            if not message.record.message_id:
                self._nameless.pop(saga_of(message), None)

    def parent_of(self, row: OutboxRow) -> int | None:
        """The span in which this message was decided; None where a timer or a person says it."""
        if row.causation_id:
            kind, _, name = row.topic.removeprefix(self._prefix).partition(".")
            mode = name.rpartition("-")[2] if kind == "dlq" else kind
            return caused_at(row.key, self.group(mode), row.causation_id).span
        return self._nameless.get(row.key)


class TracedHandler(Generic[M]):
    """`ports.Handler` around another one."""

    def __init__(self, handler: Handler[M], tracer: Tracer) -> None:
        self.service, self.mode, self.topics = handler.service, handler.mode, handler.topics
        self._handler = handler
        self._tracer = tracer
        self._group = tracer.group(handler.mode)
        self._in_work: dict[asyncio.Task[Any] | None, Work] = {}
        """By the task that works: a batch is handled and committed in one, the next one after."""

    def decode(self, record: Record) -> M:
        began = time.time_ns()
        try:
            return self._handler.decode(record)
        except Poison as poison:
            saga_id = poison.saga_id or (record.key or b"").decode(errors="replace")
            self._tracer.traces.worked(self._group, record, saga_id, began, poison.reason.value)
            raise

    async def handle(self, connection: Connection, messages: Sequence[Message[M]]) -> Handled:
        self._end()  # of an attempt that failed
        work = self._in_work[asyncio.current_task()] = Work(messages, time.time_ns())
        handled = await self._handler.handle(connection, messages)
        self._tracer.begun(self._group, work)
        return handled

    async def committed(self, connection: Connection, handled: Handled) -> None:
        work = self._end()
        if work is not None:
            aside = {letter.record: letter.reason.value for letter in handled.dead}
            tell = partial(self._tracer.traces.worked, self._group)
            for message in work.messages:
                record = message.record
                tell(record, saga_of(message), work.began, aside.get(record, ""))
        await self._handler.committed(connection, handled)

    def _end(self) -> Work | None:
        work = self._in_work.pop(asyncio.current_task(), None)
        if work is not None:
            self._tracer.done(work)
        return work


class TracedPublisher(Publisher):
    """Tells each message once Kafka has it."""

    def __init__(self, tracer: Tracer, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._tracer = tracer
        self._said: dict[str, tuple[OutboxRow, int | None]] = {}

    def _headers(self, row: OutboxRow, now: bytes) -> list[tuple[str, str | bytes | None]]:
        if len(self._said) < SAID_MAX:
            self._said[row.id] = row, self._tracer.parent_of(row)
        return super()._headers(row, now)

    def _delivered(self, row_id: str, error: KafkaError | None, message: Delivered) -> None:
        super()._delivered(row_id, error, message)
        said = self._said.pop(row_id, None)
        if said is not None and error is None:
            self._tracer.traces.said(*said, message.partition(), message.offset())


def saga_of(message: Message[Any]) -> str:
    """What was heard names its saga; where it does not, the record's key is its id."""
    key = message.record.key or b""
    return str(getattr(message.body, "saga_id", "") or key.decode(errors="replace"))


def open_traces(service: str, settings: KitSettings) -> Tracing:
    """How a process is put together that tells of its work."""
    tracer = Tracer(service, settings)
    return Tracing(tracer.publisher, tracer.handler, tracer.traces.stop)
