"""A terminal in which one command runs, as a person sees it: its output, and Ctrl-C.

It must not know what the command is.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Condition, Thread
from typing import Final, TypeVar

Answer = TypeVar("Answer")

SEEN_SECONDS: Final = 60.0
"""No speed check: how long something may be awaited before the test says that it never came."""

CLOSE_SECONDS: Final = 30.0
_SIGNALLED: Final = {0, 130, -signal.SIGINT}
"""How a command may end after Ctrl-C: in order, or as shells say it, or as make does."""


class Terminal:
    """One command in a session of its own. Its output is read as it comes."""

    def __init__(self, command: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.command = command
        self.read = 0
        """How many lines were compared with what was promised; the next promise starts there."""
        self._lines: list[str] = []
        self._grown = Condition()
        self._process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            encoding="utf-8",
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._grown:
                self._lines.append(line.rstrip("\n"))
                self._grown.notify_all()

    def wait_for(self, what: str, ask: Callable[[list[str]], Answer | None]) -> Answer:
        """Ask again at each new line, of the lines not yet read, until the answer is not None."""
        found: Answer | None = None

        def asked() -> bool:
            nonlocal found
            found = ask(self._lines[self.read :])
            return found is not None

        with self._grown:
            came = self._grown.wait_for(asked, SEEN_SECONDS)
        assert came, f"never seen in the terminal of {self.command!r}: {what}\n{self.text()}"
        assert found is not None
        return found

    def text(self) -> str:
        """All that it showed."""
        return "\n".join(self._lines)

    def ctrl_c(self) -> None:
        """What the key does: SIGINT to all that runs there; and it must end in order."""
        os.killpg(self._process.pid, signal.SIGINT)
        code = self._process.wait(CLOSE_SECONDS)
        self._end_reading()
        assert code in _SIGNALLED, f"{self.command!r} ended with {code}\n{self.text()}"
        assert "Traceback" not in self.text(), self.text()

    def kill(self) -> None:
        """However the test ends, nothing is left."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._end_reading()

    def _end_reading(self) -> None:
        self._reader.join(CLOSE_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
