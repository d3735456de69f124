"""Child processes that do not outlive their parent: started, watched, stopped by SIGTERM and, if
they stay, killed.

Used for the services by the one-machine commands. Knows no service and no address.
"""

import asyncio
import ctypes
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 10.0
"""How long a child may take after SIGTERM before it is killed."""

LOG_TAIL_LINES: Final = 15
_PR_SET_PDEATHSIG: Final = 1


def _die_with_parent() -> None:
    """In the child, before exec: Linux ends it when the parent's thread ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One child process with its log file.

    It is in a session of its own, so that Ctrl-C reaches only the parent.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    @classmethod
    def start(
        cls, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> "Child":
        """Start `command` with exactly this environment; its output goes to `log`.

        Raises OSError.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - a single-threaded parent
            )
        return cls(name, process, log)

    def ended(self) -> int | None:
        """The exit code, or None while it runs."""
        return self.process.poll()

    def log_tail(self) -> str:
        """The last lines of the log, for an error's text."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])


async def stop(children: Sequence[Child]) -> None:
    """SIGTERM to all at once, then wait for each; what is left after the time is killed."""
    for child in children:
        if child.ended() is None:
            child.process.send_signal(signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + STOP_SECONDS
    for child in children:
        left = max(0.1, deadline - asyncio.get_running_loop().time())
        try:
            await asyncio.to_thread(child.process.wait, left)
        except subprocess.TimeoutExpired:
            child.process.kill()
            await asyncio.to_thread(child.process.wait)
