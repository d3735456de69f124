"""Gauges that are read from the database, at a stated interval and off the loop's path.

What to read is a service's affair. A gauge that cannot be read now is taken away rather than left
standing: an old figure looks like a true one.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from sagakit.shell.database import ACQUIRE_TIMEOUT_SECONDS, passes
from sagakit.shell.metrics import LabelSet
from sagakit.shell.ports import Connection
from sagakit.shell.runtime import Runtime

COLLECT_EVERY_SECONDS: Final = 5.0

Readings = Mapping[str, Mapping[LabelSet, float]]
"""Every series of each gauge: what is missing has no value now, and is taken away."""

log = logging.getLogger(__name__)


class GaugeSource(Protocol):
    """One question to the service's database that gives gauges."""

    async def read(self, connection: Connection) -> Readings: ...


class Collector:
    """Asks every source in turn, for ever."""

    def __init__(self, runtime: Runtime, sources: Sequence[GaugeSource]) -> None:
        self._runtime = runtime
        self._shown: dict[GaugeSource, set[tuple[str, LabelSet]]] = {one: set() for one in sources}

    async def run(self) -> None:
        """The first time at once, so that a fresh process shows what is."""
        while True:
            for source in self._shown:
                await self.once(source)
            await asyncio.sleep(COLLECT_EVERY_SECONDS)

    async def once(self, source: GaugeSource) -> None:
        """Ask one source and show what it says; nothing where it does not answer."""
        runtime = self._runtime
        try:
            async with runtime.pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
                found = await source.read(connection)
        except Exception as error:
            runtime.metrics.observe("store_collect_errors_total", (runtime.service,), 1.0)
            if not passes(error):
                log.exception("gauges could not be read; trying again")
            found = {}
        self._show(source, found)

    def _show(self, source: GaugeSource, found: Readings) -> None:
        metrics = self._runtime.metrics
        shown = {(name, labels) for name, series in found.items() for labels in series}
        for name, labels in self._shown[source] - shown:
            metrics.drop(name, labels)
        for name, series in found.items():
            for labels, value in series.items():
                metrics.observe(name, labels, value)
        self._shown[source] = shown
