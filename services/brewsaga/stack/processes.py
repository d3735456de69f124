"""Starting, recognising and ending the servers' processes, so that none is ever left behind.

A server is started by a shell that first waits for a word on its standard input. In that moment the
watchdog is told its pid, so there is no instant in which a crash of the owner could leave a server
that nobody knows.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from brewsaga.stack import watchdog
from brewsaga.stack.config import StackError

POLL_SECONDS = 0.05
WAIT_FOR_WORD = 'read -r word && exec "$0" "$@" </dev/null'
LOG_LINES_SHOWN = 15


@dataclass(frozen=True)
class Account:
    """The user and group a server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Identity:
    """A process that can be recognised later: a pid alone may be used again by another."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """The identity of a process that is alive now."""
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The live process, or None where it has ended."""
        return watchdog.same_process(self.pid, self.created)


class Guard:
    """Owns the watchdog; everything that a stack starts is started through it."""

    def __init__(self, held: tuple[int, ...] = ()) -> None:
        """Start the watchdog, in a session of its own, which Ctrl-C does not reach.

        `held` are open files that it inherits and so keeps open until everything has ended.
        """
        self._lock = threading.Lock()
        self._watchdog = subprocess.Popen(
            [sys.executable, "-P", str(Path(watchdog.__file__)), str(os.getpid())],
            stdin=subprocess.PIPE,
            pass_fds=held,
            start_new_session=True,
        )
        self._pipe = _standard_input(self._watchdog)
        self.identity = Identity.of(self._watchdog.pid)

    def _say(self, order: Mapping[str, Any]) -> None:
        with self._lock:
            try:
                self._pipe.write(json.dumps(order).encode() + b"\n")
                self._pipe.flush()
            except OSError as error:
                raise StackError(
                    "the stack's watchdog has died; stop and start the stack"
                ) from error

    def remove_at_end(self, folder: Path) -> None:
        """Have this folder removed when the stack ends, also when it crashes."""
        self._say({"folder": str(folder)})

    def room(self, prefix: str, parent: str | Path) -> Path:
        """A new private folder that is removed when the stack ends, also when it crashes."""
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self.remove_at_end(folder)
        return folder

    def start(
        self,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        held: tuple[int, ...] = (),
    ) -> "Server":
        """Start a server whose output is appended to `log`; it ends when this process does.

        `held` are open files that it inherits.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(
                ["/bin/sh", "-c", WAIT_FOR_WORD, *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd="/",
                pass_fds=held,
                env=None if environment is None else dict(environment),
                start_new_session=True,
                **as_account(account),
            )
        identity = Identity.of(process.pid)
        self._say({"pid": identity.pid, "created": identity.created})
        with contextlib.suppress(BrokenPipeError), _standard_input(process) as word:
            word.write(b"go\n")
        return Server(self, process, identity, log)

    def run(
        self,
        command: Sequence[str],
        log: Path,
        patience_seconds: float,
        *,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        held: tuple[int, ...] = (),
    ) -> None:
        """Run a tool to its end; a crash of this process ends it too, as it ends a server.

        Else it would go on to write into a folder that is being removed.
        """
        tool = self.start(command, log, environment=environment, account=account, held=held)
        code = tool.ended(patience_seconds)
        if code != 0:
            how = f"failed with code {code}" if code else f"took over {patience_seconds:.0f} s"
            raise StackError(f"{Path(command[0]).name} {how}; {log}:\n{tool.last_lines()}")

    def forget(self, identity: Identity) -> None:
        """The process has ended; its pid may now become another's."""
        self._say({"forget": identity.pid})

    def close(self) -> None:
        """End what is still running and the watchdog itself."""
        with contextlib.suppress(OSError):
            self._pipe.close()
        self._watchdog.wait()


class Server:
    """One running server process."""

    def __init__(
        self, guard: Guard, process: subprocess.Popen[bytes], identity: Identity, log: Path
    ) -> None:
        """Made by `Guard.start` only."""
        self._guard, self._process = guard, process
        self.identity, self.log = identity, log

    def running(self) -> bool:
        """Whether the process is alive; a dead one is reaped."""
        return self._process.poll() is None

    def ended(self, patience_seconds: float) -> int | None:
        """Wait for its end, and kill it after so much time; its exit code, or None where killed."""
        everyone = self.tree()
        try:
            return self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self._end(everyone)

    def stop(self, signs: Sequence[int], patience_seconds: float) -> None:
        """Send these signals one after another, each with so much time; then kill the tree."""
        everyone = self.tree()
        for sign in signs:
            if self.running():
                self._process.send_signal(sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(patience_seconds)
        self._end(everyone)

    def kill(self) -> None:
        """Kill -9 the process and everything below it, and wait until all are gone."""
        everyone = self.tree()
        for process in everyone:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._end(everyone)

    def tree(self) -> list[psutil.Process]:
        """The process and all below it."""
        process = self.identity.process()
        return [] if process is None else watchdog.with_children([process])

    def _end(self, everyone: list[psutil.Process]) -> None:
        if self.running():
            self._process.kill()
        self._process.wait()
        _, left = psutil.wait_procs(everyone, timeout=watchdog.POLITE_SECONDS)
        watchdog.end(left)
        self._guard.forget(self.identity)

    def last_lines(self) -> str:
        """The end of its log, for an error message."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LOG_LINES_SHOWN:])


def _standard_input(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """The pipe that `stdin=PIPE` made."""
    if process.stdin is None:
        raise StackError(f"process {process.pid} was started without a pipe")
    return process.stdin


def own_environment() -> dict[str, str]:
    """Our environment for a child that imports this package, from whatever folder it is started."""
    packages = str(Path(__file__).resolve().parents[2])
    earlier = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{earlier}" if earlier else packages}


def as_account(account: Account | None) -> dict[str, Any]:
    """The arguments of `subprocess` that drop to an account; none where none is given."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def wait_until(
    ready: Callable[[], bool], servers: Sequence[Server], what: str, patience_seconds: float
) -> None:
    """Poll until ready; a death or a wait that is too long is an error that shows the log."""
    deadline = time.monotonic() + patience_seconds
    while not ready():
        for server in servers:
            if not server.running():
                raise StackError(f"{what} died at start; {server.log}:\n{server.last_lines()}")
        if time.monotonic() > deadline:
            logs = ", ".join(str(server.log) for server in servers)
            raise StackError(f"{what} was not ready in {patience_seconds:.0f} s; see {logs}")
        time.sleep(POLL_SECONDS)
