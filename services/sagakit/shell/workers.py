"""Who works on this database, and what was in hand when a process died: the end of crash loops.

A process writes a row while it works and removes it when it stops in order. A row of a dead process
that is found at start means an unclean stop: the first messages are then counted before they are
worked on, those that were counted before one by one, and one that has killed three processes while
it was counted is put aside. Where that one comes again, the loop passes it over (`dead`).
"""

import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

from sagakit.shell.crash_points import Point, reached
from sagakit.shell.database import Pool
from sagakit.shell.ports import Connection, Record

SEEN_EVERY_SECONDS: Final = 5.0
SEEN_LATE_SECONDS: Final = 15.0
ATTEMPTS_MAX: Final = 3
"""A message that was in hand this often when a process died is put aside at the next attempt."""

_SEEN: Final = """
INSERT INTO workers (worker_id, mode, host, pid) VALUES ($1, $2, $3, $4)
    ON CONFLICT (worker_id) DO UPDATE SET seen_at = now()
"""
_OTHERS: Final = """
SELECT worker_id, host, pid, seen_at < now() - make_interval(secs => $2) AS late
  FROM workers WHERE mode = $1
"""
_TAKE: Final = """
INSERT INTO in_hand (topic, partition, "offset", attempts)
SELECT topic, partition, at, 1 FROM unnest($1::text[], $2::int[], $3::bigint[])
    AS taken (topic, partition, at)
    ON CONFLICT (topic, partition, "offset") DO UPDATE SET attempts = in_hand.attempts + 1
RETURNING attempts
"""
_KNOWN: Final = """
SELECT EXISTS (SELECT FROM in_hand JOIN unnest($1::text[], $2::int[], $3::bigint[])
    AS taken (topic, partition, at) USING (topic, partition) WHERE "offset" = at)
"""
_PUT: Final = """
DELETE FROM in_hand USING unnest($1::text[], $2::int[], $3::bigint[]) AS done (topic, partition, at)
 WHERE in_hand.topic = done.topic AND in_hand.partition = done.partition AND "offset" <= at
"""

log = logging.getLogger(__name__)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@dataclass(slots=True)
class Crew:
    """The workers of one mode in this process. What one finds out about the dead counts for all."""

    ids: set[UUID] = field(default_factory=set)
    found_dead: bool = False


@dataclass(slots=True)
class WorkerRow:
    """One worker's row for its mode."""

    pool: Pool
    mode: str
    crew: Crew
    worker_id: UUID
    host: str

    @classmethod
    def new(cls, pool: Pool, mode: str, crew: Crew) -> "WorkerRow":
        """A row that is not written yet."""
        row = cls(pool, mode, crew, uuid4(), socket.gethostname())
        crew.ids.add(row.worker_id)
        return row

    async def enter(self) -> bool:
        """Write the row; True where a process of this mode was found to have died."""
        async with self.pool.acquire() as connection, connection.transaction():
            others = await connection.fetch(_OTHERS, self.mode, SEEN_LATE_SECONDS)
            dead = [
                row["worker_id"]
                for row in others
                if row["worker_id"] not in self.crew.ids
                and self._is_dead(row["host"], row["pid"], late=row["late"])
            ]
            # Before they are removed: another of the crew may look right after.
            self.crew.found_dead = self.crew.found_dead or bool(dead)
            await connection.execute("DELETE FROM workers WHERE worker_id = ANY($1::uuid[])", dead)
            await connection.execute(_SEEN, self.worker_id, self.mode, self.host, os.getpid())
            reached(Point.ENTER_WRITTEN, self.mode)
        reached(Point.ENTER_COMMITTED, self.mode)
        if dead:
            log.warning("a process of this mode died; the first messages are counted before work")
        return self.crew.found_dead

    def _is_dead(self, host: str, pid: int, *, late: bool) -> bool:
        """On this host the process is looked for.

        A container that was restarted finds its own pid again.
        """
        if late or host != self.host:
            return late
        return pid == os.getpid() or not _lives(pid)

    async def seen(self) -> None:
        """Say that this process lives."""
        async with self.pool.acquire() as connection:
            reached(Point.SEEN_DUE, self.mode)
            await connection.execute(_SEEN, self.worker_id, self.mode, self.host, os.getpid())
            reached(Point.SEEN_COMMITTED, self.mode)

    async def leave(self) -> None:
        """An orderly stop."""
        async with self.pool.acquire() as connection:
            reached(Point.LEAVE_DUE, self.mode)
            await connection.execute("DELETE FROM workers WHERE worker_id = $1", self.worker_id)
            reached(Point.LEAVE_COMMITTED, self.mode)


def _columns(records: Sequence[Record]) -> tuple[list[str], list[int], list[int]]:
    return (
        [one.topic for one in records],
        [one.partition for one in records],
        [one.offset for one in records],
    )


async def were_in_hand(connection: Connection, records: Sequence[Record]) -> bool:
    """Whether a process that died had counted any of these."""
    return bool(await connection.fetchval(_KNOWN, *_columns(records)))


async def take_in_hand(connection: Connection, records: Sequence[Record]) -> int:
    """Count an attempt, in a transaction of its own, before the work; returns the most so far."""
    rows = await connection.fetch(_TAKE, *_columns(records))
    return max((row[0] for row in rows), default=0)


async def put_down(connection: Connection, records: Sequence[Record]) -> None:
    """Strike out these and all before them: the work is done, in the same transaction."""
    await connection.execute(_PUT, *_columns(records))
