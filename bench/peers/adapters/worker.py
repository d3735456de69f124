"""What every adapter is as a process: it reads commands as JSON lines and answers each by a line.

An adapter has the few verbs of `Adapter`; the closed loop that measures speed is written here
once, so that every peer is driven alike.
"""

import asyncio
import json
import os
import sys
import threading
import time
from typing import Any, Protocol, TextIO

from peers.steps import Claim


class Adapter(Protocol):
    """One engine's saga of three steps."""

    async def open(self) -> None:
        """Connect, and take up what was begun before."""

    async def start(self, saga: str) -> None:
        """Begin it; where the id is known, whatever the engine does then."""

    async def run(self, saga: str) -> None:
        """Begin it and wait for its end."""

    async def claim(self, saga: str) -> Claim:
        """What the engine says of it."""

    async def cancel(self, saga: str) -> None:
        """Ask for its end, by the engine's documented way."""

    async def mend(self, saga: str) -> None:
        """Take up a saga that the engine has given up, by the engine's documented way."""

    async def repeat(self, saga: str) -> None:
        """Deliver again what was delivered, where steps are messages."""

    async def undo_first(self, saga: str) -> None:
        """Deliver a refund before the saga begins, where steps are messages."""


class WithoutMessages:
    """An engine whose steps are calls."""

    async def repeat(self, saga: str) -> None:
        raise NotImplementedError(f"no step of {saga} is a message")

    async def undo_first(self, saga: str) -> None:
        raise NotImplementedError(f"no step of {saga} is a message")


def serve(adapter: Adapter) -> None:
    """Be the process: until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    asyncio.run(_serve(adapter, answers))


async def _serve(adapter: Adapter, answers: TextIO) -> None:
    await adapter.open()
    answers.write(json.dumps({"number": 0}) + "\n")
    loop = asyncio.get_running_loop()
    asked: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(asked.put_nowait, line)
        loop.call_soon_threadsafe(asked.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    under_way: set[asyncio.Task[None]] = set()
    while line := await asked.get():
        task = asyncio.create_task(_answer(adapter, json.loads(line), answers))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    os._exit(0)  # whatever threads an engine has, the parent is gone


async def _answer(adapter: Adapter, asked: dict[str, Any], answers: TextIO) -> None:
    try:
        result: Any = await _carry_out(adapter, asked)
        told = {"number": asked["number"], "result": result}
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is told
        told = {"number": asked["number"], "error": f"{type(error).__name__}: {error}"}
    answers.write(json.dumps(told) + "\n")


async def _carry_out(adapter: Adapter, asked: dict[str, Any]) -> Any:
    match asked["verb"]:
        case "claim":
            return (await adapter.claim(asked["saga"])).value
        case "flood":
            return await _flood(adapter, asked["prefix"], asked["sagas"], asked["at_once"])
        case "start" | "cancel" | "mend" | "repeat" | "undo_first":
            return await getattr(adapter, asked["verb"])(asked["saga"])
        case verb:
            raise ValueError(f"{verb!r} is no verb of an adapter")


async def _flood(adapter: Adapter, prefix: str, sagas: int, at_once: int) -> dict[str, Any]:
    """Run so many, so many at once, the next as soon as one has ended. Seconds, milliseconds."""
    taken: list[float] = []
    numbers = iter(range(sagas))

    async def one_after_the_other() -> None:
        for number in numbers:
            begun = time.perf_counter()
            await adapter.run(f"{prefix}-{number}")
            taken.append((time.perf_counter() - begun) * 1_000)

    begun = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return {"seconds": time.perf_counter() - begun, "taken_ms": [round(one, 3) for one in taken]}
