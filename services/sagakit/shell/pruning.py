"""Removes what is old enough, in small bites: a table keeps its size, and nobody waits for it.

What may go, and what must stay of it, is a service's affair. This module knows how old is old, how
much goes at once, and one table: every service's dead letters.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from sagakit.shell.database import passes
from sagakit.shell.ports import Connection
from sagakit.shell.runtime import Runtime

LOOK_EVERY_SECONDS: Final = 600.0
BITE: Final = 1_000
"""Rows of one transaction: a few hundred milliseconds at most."""

REST_SECONDS: Final = 0.1
"""Between bites: up to some thousand sagas a second, more than are ever placed for long."""

_DEAD: Final = """
DELETE FROM dead_letters WHERE id IN (
  SELECT id FROM dead_letters WHERE heard_at < now() - make_interval(secs => $1)
  ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
"""
_DAY_SECONDS: Final = 86_400

log = logging.getLogger(__name__)


class Prunable(Protocol):
    """Something of a service that grows old."""

    @property
    def name(self) -> str: ...

    async def prune(self, connection: Connection, older_than_seconds: float, limit: int) -> int:
        """Remove at most about `limit`, in the open transaction; how many went."""
        ...


class DeadLetters:
    """`Prunable`: what could not be handled, and was looked at or not."""

    name: str = "dead letters"

    async def prune(self, connection: Connection, older_than_seconds: float, limit: int) -> int:
        """The oldest."""
        return int((await connection.execute(_DEAD, older_than_seconds, limit)).split()[-1])


class Pruner:
    """Prunes for ever. Two processes that prune at once skip what the other has in hand."""

    def __init__(self, runtime: Runtime, prunables: Sequence[Prunable]) -> None:
        self._runtime = runtime
        self._prunables = (*prunables, DeadLetters())

    async def run(self) -> None:
        """At once and then every ten minutes, bite by bite; not at all where all is kept."""
        days = self._runtime.settings.retention_days
        while days:
            for prunable in self._prunables:
                try:
                    await self._all(prunable, days * _DAY_SECONDS)
                except Exception as error:
                    if not passes(error):
                        log.exception("%s were not pruned; trying again later", prunable.name)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _all(self, prunable: Prunable, seconds: float) -> None:
        total = 0
        while gone := await self.once(prunable, seconds):
            total += gone
            await asyncio.sleep(REST_SECONDS)
        if total:
            log.info("pruned %d %s older than %.0f s", total, prunable.name, seconds)

    async def once(self, prunable: Prunable, older_than_seconds: float) -> int:
        """One bite in a transaction of its own; how many went."""
        async with self._runtime.transaction(f"prune {prunable.name}") as transaction:
            return await prunable.prune(transaction.connection, older_than_seconds, BITE)
