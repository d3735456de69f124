"""Learns which choreographed orders are parked: those who owe the undo alone know, and are asked.

What cannot be learnt now is learnt later; until then an order shows what was last known. A foreign
participant may lack this API: then nothing is learnt and nothing breaks. It must not know SQL.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import httpx

from order import store_parked
from sagakit.shell.crash_points import Point, reached
from sagakit.shell.database import passes

LOOK_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 5.0
PAGE: Final = 1_000
PAGES_MAX: Final = 50
"""So many pages are read of one service at a time; further ones are not shown as parked."""

log = logging.getLogger(__name__)


class ParkedOrders:
    """One background task of the order service. `urls` are by service."""

    def __init__(self, pool: Any, http: httpx.AsyncClient, urls: Mapping[str, str]) -> None:
        self._pool = pool
        self._http = http
        self._urls = urls
        self._unanswered: set[str] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.once()
            except Exception as error:
                if not passes(error):
                    raise

    async def once(self) -> None:
        """Ask only while an order waits for an undo; nobody is asked for nothing."""
        async with self._pool.acquire() as connection:
            if not await store_parked.any_undoing(connection):
                return
        found: set[str] = set()
        answered = True
        for service in self._urls:
            told = await self._ask(service)
            answered = answered and told is not None
            found |= told or set()
        async with self._pool.acquire() as connection:
            reached(Point.RECORD_DECIDED, "parked")
            await store_parked.record(connection, sorted(found), all_known=answered)
            reached(Point.RECORD_COMMITTED, "parked")

    async def _ask(self, service: str) -> set[str] | None:
        """The ids that are parked there; None where it does not answer."""
        found: set[str] = set()
        query: dict[str, str | int] = {"limit": PAGE}
        try:
            for _ in range(PAGES_MAX):
                url = f"{self._urls[service].rstrip('/')}/parked"
                answer = await self._http.get(url, params=query, timeout=ANSWER_SECONDS)
                answer.raise_for_status()
                told = answer.json()
                found |= {one["saga_id"] for one in told["parked"]}
                if told["next_after"] is None:
                    break
                query["after"] = told["next_after"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            if service not in self._unanswered:
                log.warning("what is parked at %s cannot be learnt: %r", service, error)
            self._unanswered.add(service)
            return None
        self._unanswered.discard(service)
        return found
