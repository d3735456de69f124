"""What the loop and a service agree on: records in, outgoing messages and dead letters out, one
transaction between.

The loop knows nothing of any business; a service knows nothing of consumers, offsets, the outbox or
retries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import asyncpg

from sagakit.core.deadletters import Reason
from sagakit.shell.headers import MESSAGE_ID, TRACEPARENT, Headers, header, no_headers

M = TypeVar("M")

Connection = asyncpg.pool.PoolConnectionProxy


class Conflict(Exception):  # noqa: N818 - named for what the caller does: the whole batch again
    """A guarded write found another version than was loaded: roll back, load and decide again."""


class Record(NamedTuple):
    """One Kafka record. `topic` is without the prefix (`choreo.cup-filled`); `value` None is a
    tombstone.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = no_headers

    @property
    def message_id(self) -> str:
        """`ce_id`, empty where the sayer sends no headers: it becomes the causation id of what is
        said in answer.
        """
        return header(self.headers, MESSAGE_ID)

    @property
    def traceparent(self) -> str:
        """The context in which it was said; empty where the sayer sends no headers."""
        return header(self.headers, TRACEPARENT)


class Message(NamedTuple, Generic[M]):
    """A decoded record, with the record it came from."""

    record: Record
    body: M


class Outgoing(NamedTuple):
    """One message to say. `topic` is without prefix; `publish_at` is None for at once (later: an
    injected delay).
    """

    topic: str
    key: str
    type: str
    payload: bytes
    causation_id: str | None = None
    publish_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that is put aside, with its cause."""

    record: Record
    reason: Reason
    detail: str
    saga_id: str | None = None


class Write(NamedTuple):
    """One INSERT, UPDATE or DELETE without RETURNING, its parameters, and how many rows it must
    touch: another number is a Conflict, None is any number.

    `returning` and `measure` say what is counted of the rows: all of them, unless told otherwise.
    """

    sql: str
    values: Sequence[Any]
    rows: int | None = None
    returning: str = "1"
    measure: str = "count(*)"


@dataclass(slots=True)
class Handled:
    """What a batch came to. The loop writes `writes`, `outgoing` and `dead` in one transaction.

    `duplicates` and `late` count messages that changed nothing; `observations` are (metric name,
    labels, value) that are counted after the commit and never before.
    """

    writes: list[Write] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    duplicates: int = 0
    late: int = 0
    observations: list[tuple[str, tuple[str, ...], float]] = field(default_factory=list)
    after_commit: list[str] = field(default_factory=list)
    """Saga ids that ended in this batch: the service is told by `committed` once it is true."""
    measured: list[int] = field(default_factory=list)
    """What each of `writes` measured, once they are written."""


class Handler(Protocol[M]):
    """One service in one mode, as the loop sees it."""

    service: str
    mode: str
    topics: Sequence[str]
    """What it hears, without prefix."""

    def decode(self, record: Record) -> M:
        """Read a record (value neither null, empty nor oversized: the loop saw to it). Raises
        Poison.
        """

    async def handle(self, connection: Connection, messages: Sequence[Message[M]]) -> Handled:
        """Load and decide; what is to be written is returned, each part guarded by what was
        loaded, since no transaction holds it. Raises Conflict.
        """

    async def committed(self, connection: Connection, handled: Handled) -> None:
        """Called after COMMIT, with what was measured; what is said is on its way."""


class Due(Protocol):
    """Something said again from Postgres (rule 5): owed undos, awaited commands, orders without an
    end.
    """

    name: str

    async def due(self, connection: Connection, limit: int) -> Handled:
        """Inside the open transaction: claim at most `limit` due rows (FOR UPDATE SKIP LOCKED), set
        when they are due next, and return what is to be said.
        """

    async def reset(self, connection: Connection) -> None:
        """Broker or database came back: the backoff of everything open starts anew (with
        jitter).
        """
