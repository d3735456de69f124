"""Learns the ends of orchestrated orders: asks the orchestrator for all that are open, page by
page, for ever.

Asking again until an end is recorded is what makes it converge after any loss; nothing is pushed,
so nothing can be missed. New orders are asked for at once, the rest in turn, oldest first. While a
question waits for an end, a few more may be under way for other orders, so that a stuck saga hides
no other. It must not know SQL or HTTP details.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from order import store_follow
from order.orchestrator_client import OrchestratorClient, Unreachable
from order.store_follow import Ended, Place
from order.store_orders import NewOrder
from saga.contract import Mode
from sagakit.shell.database import passes

PAGE: Final = 500
"""Orders asked for in one question."""

QUESTIONS_MAX: Final = 4
"""Questions under way at once."""

WAIT_SECONDS: Final = 0.5
"""How long the orchestrator may hold a question until one of its sagas ends."""

PAUSE_SECONDS: Final = 0.02
"""Between questions while many orders are open: ends are then collected and not fetched one by one.
"""

MANY: Final = 20
IDLE_SECONDS: Final = 0.5
"""How long to rest when nothing is open that another process may have placed."""

BACKOFF_FIRST_SECONDS: Final = 0.1
BACKOFF_MAX_SECONDS: Final = 1.0
FRESH_MAX: Final = 10_000
"""New orders that are remembered for the next question; beyond it they take their turn."""

log = logging.getLogger(__name__)


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
        self._fresh: deque[str] = deque(maxlen=FRESH_MAX)
        self._woken = asyncio.Event()
        self._asking: set[str] = set()
        self._after: Place | None = None
        self._reachable = True
        self._backoff_seconds = BACKOFF_FIRST_SECONDS

    def placed(self, orders: Sequence[NewOrder]) -> None:
        """New orders were committed in this process: ask for them at once."""
        ids = [order.saga_id for order in orders if order.mode is Mode.ORCH]
        if ids:
            self._fresh.extend(ids)
            self._woken.set()

    async def run(self) -> None:
        """Follow until cancelled."""
        questions: set[asyncio.Task[None]] = set()
        try:
            while True:
                page = await self._next_page() if len(questions) < QUESTIONS_MAX else []
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
        await asyncio.wait(waits, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        waker.cancel()

    async def _next_page(self) -> list[str]:
        """New orders first, then the next ones in turn; the turn begins anew after the youngest."""
        self._woken.clear()
        fresh = dict.fromkeys(self._fresh.popleft() for _ in range(min(PAGE, len(self._fresh))))
        page = [saga_id for saga_id in fresh if saga_id not in self._asking]
        if len(page) == PAGE:
            return page
        try:
            async with self._pool.acquire() as connection:
                places = await store_follow.open_page(
                    connection, [*self._asking, *page], self._after, PAGE - len(page)
                )
        except Exception as error:
            if not passes(error):
                raise
            await self._back_off(f"the database does not answer: {error}")
            return page
        self._after = places[-1] if len(places) == PAGE - len(page) else None
        return [*page, *(saga_id for _, saga_id in places)]

    async def _ask(self, page: list[str]) -> None:
        try:
            reports = await self._client.query(page, wait_seconds=WAIT_SECONDS)
            if reports:
                async with self._pool.acquire() as connection:
                    ended = await store_follow.record(connection, reports)
                self._ended(ended)
            if not self._reachable:
                log.info("the orchestrator answers again; the ends are being collected")
            self._reachable, self._backoff_seconds = True, BACKOFF_FIRST_SECONDS
            if not reports:
                # None of them is known there yet, so there was nothing to wait for.
                await asyncio.sleep(BACKOFF_FIRST_SECONDS)
        except Unreachable as error:
            await self._back_off(f"{error}; set ORCHESTRATOR_URL to its API, orders go on without")
        except Exception as error:
            if not passes(error):
                raise
            await self._back_off(f"the database does not answer: {error}")
        finally:
            self._asking.difference_update(page)

    async def _back_off(self, cause: str) -> None:
        """Said once, tried for ever: what is not learnt now is learnt later."""
        if self._reachable:
            log.warning("ends of orchestrated orders cannot be learnt: %s", cause)
        self._reachable = False
        await asyncio.sleep(self._backoff_seconds)
        self._backoff_seconds = min(self._backoff_seconds * 2, BACKOFF_MAX_SECONDS)
