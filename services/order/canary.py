"""The canary: a real order in each mode every so often, so that silence is never taken for health.

Where nobody orders, no counter moves, and a broken chain looks like a quiet night; the time of the
canary's last end does not lie. Off by default: each canary is brewed, charged and delivered like
any other order. It must not know how an order comes to its end.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from order import store_reads
from order.placing import Draft, IntakePaused, Placing, TooMuchInFlight
from order.ports import Runtime
from saga import metrics
from saga.contract import Mode, Outcome
from sagakit.shell.database import passes
from sagakit.shell.tally import Observation

CUSTOMER: Final = "canary"
DRINK: Final = "espresso"
LOOK_SECONDS: Final = 1.0
"""How often the ends are looked for."""
WAITING_MAX: Final = 100
"""Canaries whose end is waited for; in a long outage the oldest are forgotten."""

log = logging.getLogger(__name__)


def never(modes: Sequence[str]) -> list[tuple[str, str]]:
    """The label sets that begin at 0, which says 1970: no canary of this mode has ended yet."""
    return [(Mode(mode).long, Outcome.COMPLETED.value) for mode in modes]


class Canary:
    """Places, and looks for the ends of what it placed."""

    def __init__(
        self, runtime: Runtime, placing: Placing, modes: Sequence[str], every_seconds: float
    ) -> None:
        self._runtime = runtime
        self._placing = placing
        self._modes = [Mode(mode) for mode in modes]
        self._every_seconds = every_seconds
        self._waiting: list[str] = []

    async def run(self, tell: Callable[[Sequence[Observation]], None]) -> None:
        """Sing until cancelled. What cannot be placed or asked now is left to the next time."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            try:
                if clock() >= due:
                    due = clock() + self._every_seconds
                    await self.place()
                tell(await self.ends())
            except Exception as error:
                if not passes(error):
                    raise
                log.warning("the canary waits for the database: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def place(self) -> None:
        """Another order in each mode; one that takes no orders now keeps no other from it."""
        for mode in self._modes:
            try:
                placed = await self._placing.place(Draft(mode, CUSTOMER, drink=DRINK))
            except (TooMuchInFlight, IntakePaused) as error:
                log.warning("no canary was placed: %s", error)
                continue
            self._waiting.append(placed.saga_id)
        del self._waiting[:-WAITING_MAX]

    async def ends(self) -> list[Observation]:
        """When those that have ended by now came to it."""
        seen: list[Observation] = []
        async with self._runtime.pool.acquire() as connection:
            for saga_id in list(self._waiting):
                row = await store_reads.one(connection, saga_id)
                if row is not None and row["ended_at"] is not None:
                    labels = (Mode(row["mode"]).long, row["outcome"])
                    seen.append((metrics.CANARY_LAST_END, labels, row["ended_at"].timestamp()))
                    self._waiting.remove(saga_id)
        return seen
