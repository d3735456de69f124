"""Who works on this database, and what was in hand when a process died: the end of crash loops.

A process writes a row while it works and removes it when it stops in order. A row of a dead process
that is found at start means an unclean stop: its first messages are then counted before they are
worked on, and one that has killed three processes is put aside.
"""

import logging
import os
import socket
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

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
INSERT INTO in_hand (topic, partition, "offset", attempts) VALUES ($1, $2, $3, 1)
    ON CONFLICT (topic, partition, "offset") DO UPDATE SET attempts = in_hand.attempts + 1
RETURNING attempts
"""
_PUT: Final = """
DELETE FROM in_hand WHERE topic = $1 AND partition = $2 AND "offset" <= $3
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
class WorkerRow:
    """This process's row for one mode."""

    pool: Pool
    mode: str
    worker_id: UUID
    host: str

    @classmethod
    def new(cls, pool: Pool, mode: str) -> "WorkerRow":
        """A row that is not written yet."""
        return cls(pool, mode, uuid4(), socket.gethostname())

    async def enter(self) -> bool:
        """Write the row; True where a process of this mode was found to have died."""
        async with self.pool.acquire() as connection, connection.transaction():
            others = await connection.fetch(_OTHERS, self.mode, SEEN_LATE_SECONDS)
            dead = [
                row["worker_id"]
                for row in others
                if self._is_dead(row["host"], row["pid"], late=row["late"])
            ]
            await connection.execute("DELETE FROM workers WHERE worker_id = ANY($1::uuid[])", dead)
            await connection.execute(_SEEN, self.worker_id, self.mode, self.host, os.getpid())
        if dead:
            log.warning("a process of this mode died; its first messages are taken one by one")
        return bool(dead)

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
            await connection.execute(_SEEN, self.worker_id, self.mode, self.host, os.getpid())

    async def leave(self) -> None:
        """An orderly stop."""
        async with self.pool.acquire() as connection:
            await connection.execute("DELETE FROM workers WHERE worker_id = $1", self.worker_id)


async def take_in_hand(connection: Connection, record: Record) -> int:
    """Count an attempt.

    In a transaction of its own, before the work; returns the attempts so far.
    """
    attempts: int = await connection.fetchval(_TAKE, record.topic, record.partition, record.offset)
    return attempts


async def put_down(connection: Connection, record: Record) -> None:
    """The work is done, in the same transaction: this record and all before it are out of hand."""
    await connection.execute(_PUT, record.topic, record.partition, record.offset)
