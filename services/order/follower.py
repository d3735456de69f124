"""Learns where orchestrated orders stand: asks the orchestrator for all that are open, for ever.

Asking again until an end is recorded is what makes it converge after any loss; nothing is pushed,
so nothing can be missed. Ends are asked for in turn, oldest first, by questions that wait until
there is one; a few may be under way at once, so that a stuck saga hides no other. Where the others
stand is looked at a page twice a second, so that it costs the same however many are open. It must
not know SQL or HTTP details.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Sequence
from functools import partial
from typing import Any, Final

from order import store_follow
from order.orchestrator_client import OrchestratorClient, Unreachable
from order.store_follow import Ended, Report
from order.store_orders import NewOrder
from saga.contract import Mode
from sagakit.shell.crash_points import Point, reached
from sagakit.shell.database import passes

PAGE: Final = 1_000
"""Orders asked for in one question."""

QUESTIONS_MAX: Final = 4
"""Questions for ends under way at once."""

WAIT_SECONDS: Final = 0.5
"""How long the orchestrator may hold a question until one of its sagas ends."""

PAUSE_SECONDS: Final = 0.05
"""Between questions while many orders are open: ends are then collected and not fetched one by one.
"""

MANY: Final = 20
LOOK_SECONDS: Final = 0.5
"""How often a page is looked at, and how long to rest when nothing is open."""

BACKOFF_FIRST_SECONDS: Final = 0.1
BACKOFF_MAX_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class Turn:
    """Goes through the open orders page by page, and begins anew after the youngest."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._after = store_follow.FIRST

    async def page(self, left_out: Container[str] = ()) -> list[str]:
        """The next orders that are not `left_out`; none where the turn finds no other."""
        for _ in range(QUESTIONS_MAX + 1):
            async with self._pool.acquire() as connection:
                places = await store_follow.open_page(connection, self._after, PAGE)
            is_last = len(places) < PAGE
            self._after = store_follow.FIRST if is_last else places[-1]
            found = [saga_id for _, saga_id in places if saga_id not in left_out]
            if found or is_last:
                return found
        return []


class Follower:
    """One background task of the order service."""

    def __init__(
        self,
        pool: Any,
        client: OrchestratorClient,
        *,
        ended: Callable[[Sequence[Ended]], None] = lambda _ends: None,
    ) -> None:
        """`ended` is told of ends after they were recorded."""
        self._pool = pool
        self._client = client
        self._ended = ended
        self._woken = asyncio.Event()
        self._asking: set[str] = set()
        self._recording = asyncio.Lock()
        self._reachable = True
        self._backoff_seconds = BACKOFF_FIRST_SECONDS

    def placed(self, orders: Sequence[NewOrder]) -> None:
        """New orders were committed in this process: ask for them at once."""
        if any(order.mode is Mode.ORCH for order in orders):
            self._woken.set()

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_around())
            tasks.create_task(self._ask_for_ends())

    async def _look_around(self) -> None:
        turn = Turn(self._pool)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._learn(self._look(turn))

    async def _look(self, turn: Turn) -> list[Report]:
        page = await turn.page()
        return await self._client.standings(page) if page else []

    async def _ask_for_ends(self) -> None:
        turn, questions = Turn(self._pool), set[asyncio.Task[None]]()
        try:
            while True:
                page = await self._next_page(turn) if len(questions) < QUESTIONS_MAX else []
                if page:
                    self._asking.update(page)
                    questions.add(asyncio.create_task(self._ask(page)))
                    if len(self._asking) > MANY:
                        await asyncio.sleep(PAUSE_SECONDS)
                else:
                    await self._rest(questions)
                questions = {question for question in questions if not question.done()}
        finally:
            for question in questions:
                question.cancel()
            await asyncio.gather(*questions, return_exceptions=True)

    async def _rest(self, questions: set[asyncio.Task[None]]) -> None:
        """Until an answer came, an order was placed here, or it is time to look for orders of other
        processes.
        """
        waker = asyncio.create_task(self._woken.wait())
        full = len(questions) >= QUESTIONS_MAX
        waits = questions if full else {waker, *questions}
        await asyncio.wait(waits, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        waker.cancel()

    async def _next_page(self, turn: Turn) -> list[str]:
        self._woken.clear()
        try:
            return await turn.page(self._asking)
        except Exception as error:
            if not passes(error):
                raise
            await self._back_off(f"the database does not answer: {error}")
            return []

    async def _ask(self, page: list[str]) -> None:
        try:
            learnt = await self._learn(self._client.ends(page, wait_seconds=WAIT_SECONDS))
            if not learnt:
                await asyncio.sleep(BACKOFF_FIRST_SECONDS)  # an orchestrator of others may not wait
        finally:
            self._asking.difference_update(page)

    async def _learn(self, asked: Awaitable[list[Report]]) -> int:
        """Record the answer; how many sagas it spoke of. One that is away is waited for.

        One at a time: two that record the same orders would wait for each other.
        """
        try:
            reports = await asked
            if reports:
                async with self._recording, self._pool.acquire() as connection:
                    who = partial(_names, reports)
                    reached(Point.RECORD_DECIDED, who)
                    ended = await store_follow.record(connection, reports)
                    reached(Point.RECORD_COMMITTED, who)
                self._ended(ended)
        except Unreachable as error:
            await self._back_off(f"{error}; set ORCHESTRATOR_URL to its API, orders go on without")
            return 0
        except Exception as error:
            if not passes(error):
                raise
            await self._back_off(f"the database does not answer: {error}")
            return 0
        if not self._reachable:
            log.info("the orchestrator answers again; the ends are being collected")
        self._reachable, self._backoff_seconds = True, BACKOFF_FIRST_SECONDS
        return len(reports)

    async def _back_off(self, cause: str) -> None:
        """Said once, tried for ever: what is not learnt now is learnt later."""
        if self._reachable:
            log.warning("ends of orchestrated orders cannot be learnt: %s", cause)
        self._reachable = False
        await asyncio.sleep(self._backoff_seconds)
        self._backoff_seconds = min(self._backoff_seconds * 2, BACKOFF_MAX_SECONDS)


def _names(reports: Sequence[Report]) -> set[str]:
    """Of what was learnt, at its crash points: the sagas that have ended by it."""
    return {report.saga_id for report in reports if report.outcome is not None}
