"""The live audit: a service's own promises, judged all the time on its own rows, as gauges of 0.

It walks through the sagas by their keys, a page at a time, for at most a hundredth of the time, and
begins anew at the end: so it costs the same however many there are, and a broken promise is found
within one round. What was found stays shown until a whole round has not found it again. What the
promises are is a service's affair. `brewsaga audit` is the full check, over all services.
"""

import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

import asyncpg

from sagakit.shell.gauges import COLLECT_EVERY_SECONDS, Readings
from sagakit.shell.metrics import MODE_WORDS, LabelSet
from sagakit.shell.ports import Connection
from sagakit.shell.runtime import Runtime

SHARE_OF_TIME: Final = 0.01
BUDGET_SECONDS: Final = COLLECT_EVERY_SECONDS * SHARE_OF_TIME
PAGE_SAGAS: Final = 200
KEPT_MAX: Final = 10_000
"""So many broken promises are told apart; beyond that the figure says no more."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Promises:
    """What a service promises of its rows.

    `page` takes the last saga id of the page before and a limit, and returns saga ids in order.
    `judge` takes saga ids and returns (saga id, mode, promise) of what is broken, in one statement,
    so that it sees one moment. `whole` returns the same of what is no saga's, and takes nothing.
    """

    modes: tuple[str, ...]
    names: tuple[str, ...]
    page: str
    judge: str
    whole: str | None = None


Found = tuple[str, str, str]


class LiveAudit:
    """`gauges.GaugeSource`. `broken` is the register's name of the gauge (mode, promise).

    `judged` is that of the counter (service) of sagas: a check that looked at nothing proves
    nothing.
    """

    def __init__(self, promises: Promises, broken: str, judged: str, runtime: Runtime) -> None:
        self._promises = promises
        self._broken = broken
        self._looked_at = partial(runtime.metrics.observe, judged, (runtime.service,))
        self._after = ""
        self._this_round: set[Found] = set()
        self._last_round: set[Found] = set()

    async def read(self, connection: Connection) -> Readings:
        """Go on for as long as the budget allows; a page at least."""
        deadline = time.monotonic() + BUDGET_SECONDS
        ended = False
        while not ended:
            ended = await self._page(connection) or time.monotonic() >= deadline
        found = self._this_round | self._last_round
        if self._promises.whole is not None:
            whole = {_found(row) for row in await connection.fetch(self._promises.whole)}
            self._say(whole - found)
            found |= whole
        shown: dict[LabelSet, float] = {
            (MODE_WORDS[mode], name): 0.0
            for mode in self._promises.modes
            for name in self._promises.names
        }
        for _, mode, name in found:
            shown[MODE_WORDS[mode], name] += 1.0
        return {self._broken: shown}

    async def _page(self, connection: Connection) -> bool:
        """Judge one page; True where the round has ended."""
        rows = await connection.fetch(self._promises.page, self._after, PAGE_SAGAS)
        ids = [row[0] for row in rows]
        if ids:
            broken = {_found(row) for row in await connection.fetch(self._promises.judge, ids)}
            self._say(broken - self._this_round - self._last_round)
            if len(self._this_round) < KEPT_MAX:
                self._this_round |= broken
            self._looked_at(float(len(ids)))
        if len(ids) == PAGE_SAGAS:
            self._after = ids[-1]
            return False
        self._after = ""
        self._last_round, self._this_round = self._this_round, set()
        return True

    def _say(self, broken: set[Found]) -> None:
        for saga_id, mode, name in sorted(broken):
            fields = {"saga_id": saga_id, "mode": mode, "invariant": name}
            log.error("a promise is broken: %s", name, extra={"fields": fields})


def _found(row: asyncpg.Record) -> Found:
    return row[0], row[1], row[2]
