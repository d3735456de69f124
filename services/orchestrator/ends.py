"""A bell that rings when sagas end, so that who waits for an end hears of it within milliseconds.

A hint and no more: it knows this process's ends only and forgets at once. Whoever waits looks at
the table before and after, and polls. It must not know HTTP or Postgres.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

WAITERS_MAX: Final = 256
"""More than this at once and the next one is not woken: it simply waits its time out."""


class Ends:
    """Who waits for the end of which sagas. Lives on one event loop."""

    def __init__(self) -> None:
        self._waiters: dict[asyncio.Event, frozenset[str]] = {}

    def ring(self, saga_ids: Sequence[str]) -> None:
        """Wake everyone who waits for one of these."""
        ended = frozenset(saga_ids)
        for event, awaited in self._waiters.items():
            if not ended.isdisjoint(awaited):
                event.set()

    @contextmanager
    def listen(self, saga_ids: Iterable[str]) -> Iterator[asyncio.Event]:
        """Give an event that is set by every ring from here on.

        Listen before looking at the table: an end between look and wait is then not missed.
        """
        event = asyncio.Event()
        if len(self._waiters) < WAITERS_MAX:
            self._waiters[event] = frozenset(saga_ids)
        try:
            yield event
        finally:
            self._waiters.pop(event, None)
