"""What people watch live: one look a subject serves all who watch it, however many they are.

A subject is looked at only while somebody watches, ever less often while nothing changes, and no
more once it is told to be at its end. A slow watcher is told the newest and never what it missed,
so nothing piles up. It must not know what is watched, nor how it is sent.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, NamedTuple

WATCHERS_MAX: Final = 500
"""All together in this process; one more is told to come back."""

LOOK_FIRST_SECONDS: Final = 0.5
LOOK_MAX_SECONDS: Final = 4.0
"""How rarely a subject is looked at that does not change."""

SLOWER: Final = 1.5
CROWD: Final = 100
"""So many watchers make the looks twice as rare, twice as many three times, and so on: what is sent
has a bound of CROWD / LOOK_FIRST_SECONDS a second and subject, however many watch."""

ALIVE_SECONDS: Final = 15.0
"""How long a watcher may be told nothing: what lies between drops silent connections."""

log = logging.getLogger(__name__)


class Sight(NamedTuple):
    """What is seen of a subject, ready to be sent; the last one is never followed by another."""

    text: str
    is_last: bool = False


Look = Callable[[], Awaitable[Sight]]


class TooManyWatchers(Exception):  # noqa: N818 - named for what the caller waits for
    """As many watch as may."""

    def __init__(self) -> None:
        super().__init__(f"{WATCHERS_MAX} watch already; close one, or try again in a minute")


class _Subject:
    """One thing that is watched, and the task that looks at it."""

    def __init__(self, name: str, look: Look) -> None:
        self.watchers = 0
        self.version = 0
        self.sight = Sight("")
        self.changed = asyncio.Event()
        self.is_left = False
        self._name = name
        self._look = look
        self.task = asyncio.create_task(self._keep_looking(), name=f"watching {name}")

    async def _keep_looking(self) -> None:
        pause_seconds = LOOK_FIRST_SECONDS
        while not self.sight.is_last:
            sight = self.sight
            try:
                sight = await self._look()
            except Exception as error:  # noqa: BLE001 - the page stands still, and goes on later
                log.info("cannot look at %s now: %r", self._name, error)
            if sight != self.sight:
                self._show(sight)
                pause_seconds = LOOK_FIRST_SECONDS
            else:
                pause_seconds = min(pause_seconds * SLOWER, LOOK_MAX_SECONDS)
            if not sight.is_last:
                await asyncio.sleep(pause_seconds * (1 + self.watchers / CROWD))

    def _show(self, sight: Sight) -> None:
        self.sight, self.version = sight, self.version + 1
        self.changed.set()
        self.changed = asyncio.Event()

    def end(self) -> None:
        """Look no more, and let every watcher go: who still wants to see asks anew."""
        self.task.cancel()
        self.is_left = True
        self.changed.set()


class Live:
    """All that is watched in this process."""

    def __init__(self) -> None:
        self._subjects: dict[str, _Subject] = {}
        self._watchers = 0
        self._closed = False

    def watch(self, name: str, look: Look) -> AsyncGenerator[Sight | None]:
        """What is seen of a subject from now on; None as a sign of life. Raises TooManyWatchers.

        `look` counts only where nobody watches a subject of this name yet.
        """
        if self._watchers >= WATCHERS_MAX:
            raise TooManyWatchers
        return self._watch(name, look)

    async def _watch(self, name: str, look: Look) -> AsyncGenerator[Sight | None]:
        if self._closed:
            return
        subject = self._subjects.get(name)
        if subject is None:
            subject = self._subjects[name] = _Subject(name, look)
        subject.watchers += 1
        self._watchers += 1
        try:
            async for sight in self._sights(subject):
                yield sight
        finally:
            self._watchers -= 1
            subject.watchers -= 1
            if not subject.watchers:
                subject.task.cancel()
                if self._subjects.get(name) is subject:
                    del self._subjects[name]

    async def _sights(self, subject: _Subject) -> AsyncGenerator[Sight | None]:
        told = 0
        while not subject.is_left:
            changed = subject.changed
            if subject.version > told:
                told = subject.version
                yield subject.sight
                if subject.sight.is_last:
                    return
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ALIVE_SECONDS):
                    await changed.wait()
            if subject.version == told and not subject.is_left:
                yield None

    async def run(self) -> None:
        """Until cancelled; then every watcher is let go, so that a stop need not wait for them."""
        try:
            await asyncio.Event().wait()
        finally:
            self._closed = True
            for subject in self._subjects.values():
                subject.end()
