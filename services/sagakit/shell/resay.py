"""Says again, from Postgres, what has no answer yet (rule 5).

For ever, patiently, and never in a storm.

What is due is a service's affair; this module knows when to ask, how much at most, and when the
waiting starts anew.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from sagakit.shell.database import passes
from sagakit.shell.ports import Due
from sagakit.shell.runtime import Runtime

ASK_EVERY_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class Resayer:
    """Runs every `Due` of a service.

    Each is asked in a transaction of its own, so that one cannot harm another.
    """

    def __init__(self, runtime: Runtime, dues: Sequence[Due]) -> None:
        self._runtime = runtime
        self._dues = dues
        self._limit = max(1, int(runtime.settings.resay_rate_per_second * ASK_EVERY_SECONDS))
        self._came_back = {due.name: False for due in dues}
        # A service with an API is asked for its parts when the broker has already answered.
        self._answered_before = runtime.healthy()
        runtime.publisher.recovered.append(self._broker_answers)

    def _broker_answers(self) -> None:
        """The first answer of a process is no recovery.

        Whoever started it knows nothing of an outage.
        """
        if self._answered_before:
            self._came_back = dict.fromkeys(self._came_back, True)
        self._answered_before = True

    async def run(self) -> None:
        """Ask once a second while the broker answers."""
        while True:
            await asyncio.sleep(ASK_EVERY_SECONDS)
            if self._runtime.healthy():
                for due in self._dues:
                    await self._ask(due)

    async def _ask(self, due: Due) -> None:
        try:
            if self._came_back[due.name]:
                async with self._runtime.transaction(f"{due.name}-reset") as transaction:
                    await due.reset(transaction.connection)
                self._came_back[due.name] = False
            await self.once(due)
        except Exception as error:
            if passes(error):
                # Seen again at the next success: then whoever waited long is asked again soon.
                self._came_back[due.name] = True
            else:
                log.exception("saying again failed", extra={"fields": {"due": due.name}})

    async def once(self, due: Due) -> int:
        """One question; returns how much was said again."""
        async with self._runtime.transaction(due.name) as transaction:
            handled = await due.due(transaction.connection, self._limit)
            transaction.write(handled.writes)
            transaction.say(handled.outgoing)
        for name, labels, value in handled.observations:
            self._runtime.metrics.observe(name, labels, value)
        return len(handled.outgoing)
