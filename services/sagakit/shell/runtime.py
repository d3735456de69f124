"""What a service gets from the loop.

The pool, a transaction that says things, and whether the broker answers.

An API, a batch or a refill writes its rows and what is to be said in one transaction:

    async with runtime.transaction() as tx:
        await tx.connection.execute("…")
        tx.say([Outgoing(…)])

The outbox rows are written before COMMIT and published from memory after it.
"""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from sagakit.shell import crash_points, outbox
from sagakit.shell.crash_points import Point, reached
from sagakit.shell.database import ACQUIRE_TIMEOUT_SECONDS, Pool
from sagakit.shell.faults import Switchboard
from sagakit.shell.metrics import Metrics
from sagakit.shell.outbox import OutboxRow
from sagakit.shell.ports import Connection, Outgoing, Write
from sagakit.shell.publisher import Publisher
from sagakit.shell.settings import KitSettings
from sagakit.shell.tracing import OFF, Tracing
from sagakit.shell.writes import write


@dataclass(slots=True)
class Transaction:
    """One open transaction. What is said is collected and written just before COMMIT."""

    connection: Connection
    outgoing: list[Outgoing] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    measured: list[int] = field(default_factory=list)
    """What each of `writes` measured, once they are written."""

    def say(self, outgoing: Sequence[Outgoing]) -> None:
        """Say these if, and only if, the transaction commits."""
        self.outgoing.extend(outgoing)

    def write(self, writes: Sequence[Write]) -> None:
        """Write these just before COMMIT, together with what is said."""
        self.writes.extend(writes)


@dataclass(frozen=True, slots=True)
class Runtime:
    """One process's plumbing, built by `run` and given to the service's `build`."""

    service: str
    settings: KitSettings
    pool: Pool
    publisher: Publisher
    metrics: Metrics
    switchboard: Switchboard
    tracing: Tracing = OFF

    def healthy(self) -> bool:
        """Whether the broker answered when last asked. Orders are accepted all the same."""
        return self.publisher.healthy

    @asynccontextmanager
    async def transaction(self, purpose: str = "") -> AsyncIterator[Transaction]:
        """A transaction on a connection of the pool; `purpose` names it at its crash points."""
        async with (
            self.pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection,
            connection.transaction(),
        ):
            transaction = Transaction(connection)
            yield transaction
            rows = self.rows_of(transaction.outgoing)
            said = outbox.insertion(rows)
            transaction.measured = await write(connection, [*transaction.writes, *said])
            who = partial(crash_points.by_rows, purpose, rows)
            reached(Point.TRANSACTION_WRITTEN, who)
        reached(Point.TRANSACTION_COMMITTED, who)
        self.publish_soon(rows)
        reached(Point.TRANSACTION_PUBLISHED, who)

    def rows_of(self, outgoing: Sequence[Outgoing]) -> list[OutboxRow]:
        """The outbox rows that say this. Write them, and `publish_soon` after COMMIT."""
        held_back = self.switchboard.held_back(outgoing)
        return outbox.rows_of(held_back, self.settings.topic_prefix)

    def publish_soon(self, rows: Sequence[OutboxRow]) -> None:
        """Publish from memory, after COMMIT. What fails is left to the sweeper."""
        if self.settings.print_said:
            for row in rows:
                sys.stdout.write(f"SAID saga={row.key} topic={row.topic}\n")
            sys.stdout.flush()
        self.publisher.publish(rows)

    async def flush(self, timeout_seconds: float) -> bool:
        """Wait until all that was published is acknowledged, and settle its outbox rows."""
        done = await self.publisher.flush(timeout_seconds)
        await self.settle()
        return done

    async def settle(self) -> None:
        """Delete (or mark) the outbox rows that Kafka has acknowledged.

        In a transaction of their own.
        """
        ids = self.publisher.take_acknowledged()
        if not ids:
            return
        try:
            async with self.pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
                reached(Point.SETTLE_DECIDED)
                await write(connection, outbox.settlement(ids, keep=self.settings.outbox_keep))
                reached(Point.SETTLE_COMMITTED)
        except BaseException:
            self.publisher.put_back(ids)
            raise
        self.settled(ids)

    def settled(self, ids: Sequence[str]) -> None:
        """The transaction in which these were deleted has committed."""
        self.publisher.forget(ids)
        if ids:
            self.metrics.observe("outbox_published_total", (self.service,), len(ids))
