"""One adapter as a child process: asked by JSON lines, killed at any moment, started again.

It ends by itself when its parent is gone, since its stdin ends. Knows the lines, and no engine.
"""

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from brewsaga.errors import CommandError

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0
LINE_BYTES_MAX: Final = 16 * 1024 * 1024
TAIL_BYTES: Final = 3_000


class GoneError(Exception):
    """The worker died before it answered: nobody knows what it did."""


class VerbError(Exception):
    """The engine raised; the text says what."""


class Worker:
    """The process, by whatever id it has now."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._command, self._environment, self.log = command, environment, log
        self._process: Process | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """0 where it does not run."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else 0

    async def start(self) -> None:
        """Start it and wait until its engine is there. Raises CommandError."""
        self._waiting[0] = ready = asyncio.get_running_loop().create_future()
        with self.log.open("ab") as sink:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=dict(self._environment),
                stdin=PIPE,
                stdout=PIPE,
                stderr=sink,
                limit=LINE_BYTES_MAX,
                start_new_session=True,
            )
        self._reading = asyncio.create_task(self._read(self._process))
        try:
            await asyncio.wait_for(ready, READY_SECONDS)
        except (GoneError, TimeoutError) as error:
            tail = self.log.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
            await self.kill()
            raise CommandError(f"the worker did not start:\n{tail}", f"read {self.log}") from error

    def strike(self) -> None:
        """Kill -9 at once, from any thread."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.strike()
        await self._gone()

    async def stop(self) -> None:
        """SIGTERM; what has not ended in time is killed."""
        if self._process is not None and self.pid:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        await self.kill()

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """Its answer. Raises GoneError where it dies first, VerbError where the engine raised."""
        if self._process is None or not self.pid or self._process.stdin is None:
            raise GoneError(verb)
        self._number += 1
        answer = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = answer
        line = json.dumps({"number": self._number, "verb": verb, **arguments}) + "\n"
        try:
            self._process.stdin.write(line.encode())
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise GoneError(verb) from error
        return await answer

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            told = json.loads(line)
            answer = self._waiting.pop(told["number"], None)
            if answer is None or answer.done():
                continue
            if "error" in told:
                answer.set_exception(VerbError(told["error"]))
            else:
                answer.set_result(told.get("result"))
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(GoneError("it died"))
                answer.exception()  # nobody may be waiting for it
        self._waiting.clear()
