"""The servers that peers need, each of which can be killed -9 and started again on its data.

Postgres is the one of the stack; the others are programs out of a peer's own packages.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import psutil

from brewsaga.errors import CommandError
from brewsaga.processes import Child
from brewsaga.stack import Stack
from brewsaga.stack.ports import accepts

READY_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05


class Server(Protocol):
    """What an engine keeps its sagas in."""

    def start(self) -> None:
        """Start it on its data, and wait until it serves."""

    def kill(self) -> None:
        """Kill -9; the data stay."""

    def end(self) -> None:
        """Kill it, where it is a peer's own."""

    def pids(self) -> list[int]:
        """Its processes, without their children."""


@dataclass(slots=True)
class StackPostgres:
    """The stack's own, which it ends."""

    stack: Stack

    def start(self) -> None:
        self.stack.postgres.start()

    def kill(self) -> None:
        self.stack.postgres.kill()

    def end(self) -> None:
        """The stack ends it."""

    def pids(self) -> list[int]:
        return [server.identity.pid for server in self.stack.postgres.servers().values()]


@dataclass(slots=True)
class Program:
    """A server that is one process with its children. `port` accepts when it serves."""

    name: str
    command: Sequence[str]
    port: int
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    _child: Child | None = None

    def start(self) -> None:
        if self._child is not None and self._child.ended() is None:
            return
        given = {**os.environ, **self.environment}
        self._child = Child.start(self.name, self.command, given, self.log)
        deadline = time.monotonic() + READY_SECONDS
        while not (accepts(self.port) and (self.ready is None or self.ready())):
            if self._child.ended() is not None or time.monotonic() > deadline:
                self.kill()
                text = f"{self.name} does not serve port {self.port}:\n{self._child.log_tail()}"
                raise CommandError(text, f"read {self.log}")
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        if self._child is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._child.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    os.kill(child.pid, signal.SIGKILL)
        self._child.process.kill()
        self._child.process.wait()

    def end(self) -> None:
        self.kill()

    def pids(self) -> list[int]:
        return [] if self._child is None else [self._child.process.pid]
