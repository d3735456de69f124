"""Coroutines without an event loop: what production awaits, the simulator's scheduler decides.

A coroutine yields how many seconds of virtual time it waits, or None where somebody else wakes it.
`LOOP` stands in the place of the module `asyncio` in the production modules that are driven.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Generator
from types import SimpleNamespace, coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

DIES = -1.0
"""Yielded where the process is killed at this very place; it is never resumed."""


@coroutine
def wait(seconds: float | None) -> Generator[float | None, None, None]:
    """Awaited for a time, or for ever until woken."""
    yield seconds


class Task:
    """One coroutine of one process."""

    __slots__ = ("coroutine", "name", "process", "steps", "wakes")

    def __init__(self, process: Any, coroutine: Coroutine[Any, Any, Any], name: str) -> None:
        self.process = process
        self.coroutine = coroutine
        self.name = name
        self.steps = 0
        self.wakes = 0
        """Counts resumptions, so that an old alarm does not wake a task twice."""


class Current:
    """The task that runs, for queues that must know whom to wake."""

    task: Task | None = None
    world: Any = None


class Queue(Generic[T]):
    """`asyncio.Queue` as the loop uses it: one taker."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._taker: Task | None = None

    def put_nowait(self, item: T) -> None:
        self._items.append(item)
        if self._taker is not None:
            taker, self._taker = self._taker, None
            Current.world.wake(taker)

    async def get(self) -> T:
        while not self._items:
            self._taker = Current.task
            await wait(None)
        return self._items.popleft()


async def _sleep(seconds: float) -> None:
    await wait(seconds)


LOOP: Any = SimpleNamespace(
    Queue=Queue,
    sleep=_sleep,
    ensure_future=lambda released: released,
    Future=asyncio.Future,
    Event=asyncio.Event,
    Lock=asyncio.Lock,
    Task=asyncio.Task,
    TimeoutError=asyncio.TimeoutError,
)
