"""Publishes what was committed and not acknowledged.

That is: after a crash, an outage, a full queue, a failed delivery.

One sweeper a database at a time, by an advisory lock that is taken anew at each sweep. A second one
would be harmless: a message said twice is answered by what is stored.
"""

import asyncio
import logging
import time
from typing import Final

from sagakit.shell.crash_points import Point, reached
from sagakit.shell.database import ACQUIRE_TIMEOUT_SECONDS, passes
from sagakit.shell.outbox import OutboxRow
from sagakit.shell.runtime import Runtime

SWEEP_EVERY_SECONDS: Final = 1.0
SETTLE_EVERY_SECONDS: Final = 0.5
COUNT_EVERY_SECONDS: Final = 5.0
SWEEP_ROWS_MAX: Final = 500
OLD_SECONDS: Final = 2.0
"""Younger rows are left to the process that wrote them."""
IN_FLIGHT_MAX: Final = 5_000
"""With more than this under way a sweep adds nothing: the broker is busy enough."""

_LOCK: Final = 0x6F7574626F78
_TRY_LOCK: Final = "SELECT pg_try_advisory_xact_lock($1)"
_CHOOSE: Final = """
SELECT id, aggregatetype, aggregateid, type, payload, causation_id
  FROM outbox
 WHERE acknowledged_at IS NULL AND publish_at <= now() - make_interval(secs => $3)
   AND id <> ALL($1::uuid[])
 ORDER BY publish_at, id LIMIT $2
"""
_PENDING: Final = """
SELECT count(*), extract(epoch FROM min(created_at))::float8 FROM outbox WHERE acknowledged_at IS
NULL
"""

log = logging.getLogger(__name__)


class Sweeper:
    """One process's sweeper, and the task that deletes acknowledged rows while no batch does it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._wake = asyncio.Event()
        self._counted_at = 0.0
        runtime.publisher.recovered.append(self._wake.set)

    async def run(self) -> None:
        """Sweep every second, and at once when the broker came back; never while it is away."""
        while True:
            full = False
            try:
                if self._runtime.healthy():
                    full = await self.sweep() >= SWEEP_ROWS_MAX
                await self._count()
            except Exception as error:
                if not passes(error):
                    log.exception("sweep failed")
            if full and len(self._runtime.publisher.in_flight) < IN_FLIGHT_MAX:
                await asyncio.sleep(0)
                continue
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), SWEEP_EVERY_SECONDS)
            except TimeoutError:
                continue

    async def settle(self) -> None:
        """Delete acknowledged rows that no batch took with it."""
        while True:
            await asyncio.sleep(SETTLE_EVERY_SECONDS)
            try:
                await self._runtime.settle()
            except Exception as error:
                if not passes(error):
                    log.exception("acknowledged outbox rows were not deleted; trying again")

    async def sweep(self) -> int:
        """Publish the oldest rows that are due and not under way; returns how many."""
        runtime = self._runtime
        alone = runtime.publisher.left_alone()
        async with (
            runtime.pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection,
            connection.transaction(),
        ):
            if not await connection.fetchval(_TRY_LOCK, _LOCK):
                return 0
            found = await connection.fetch(_CHOOSE, alone, SWEEP_ROWS_MAX, OLD_SECONDS)
        if found:
            log.info("publishing %d rows of the outbox again", len(found))
            reached(Point.SWEEP_CHOSEN)
            runtime.publish_soon([OutboxRow._make((str(row[0]), *row[1:], None)) for row in found])
            reached(Point.SWEEP_PUBLISHED)
        return len(found)

    async def _count(self) -> None:
        now = time.monotonic()
        if now - self._counted_at < COUNT_EVERY_SECONDS:
            return
        self._counted_at = now
        service, metrics = self._runtime.service, self._runtime.metrics
        async with self._runtime.pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            row = await connection.fetchrow(_PENDING)
        if row is None:
            return
        metrics.observe("outbox_pending_messages", (service,), row[0])
        if row[1] is None:
            metrics.drop("outbox_oldest_pending_timestamp_seconds", (service,))
        else:
            metrics.observe("outbox_oldest_pending_timestamp_seconds", (service,), row[1])
