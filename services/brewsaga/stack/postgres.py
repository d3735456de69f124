"""A real Postgres on 127.0.0.1 that may be killed and started again on the same data.

Postgres refuses to run as root. Then the server drops to an account without privileges that is
there already (nobody), owns its data folder, and no user is added. Its data stay in the stack's
folder in every case: where that lies in a folder which the account may not enter (a project below a
closed home), root opens the data folder and the server inherits it, and calls it by
/proc/self/fd/N, a name that needs no way through the parents.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brewsaga.stack.config import ANY_FREE_PORT, StackError
from brewsaga.stack.database_session import answers, refusal
from brewsaga.stack.ports import LOOPBACK, free_ports, holder, is_free
from brewsaga.stack.postgres_binaries import (
    PostgresBinaries,
    find_postgres,
    lasting_temporary_folder,
    reachable_copy,
    runs_as,
)
from brewsaga.stack.processes import Account, Guard, Server, as_account, wait_until
from brewsaga.stack.progress import tell

SUPERUSER = "postgres"
MAX_CONNECTIONS = 200
START_PATIENCE_SECONDS = 60.0
STOP_PATIENCE_SECONDS = 8.0
"""A fast shutdown writes a checkpoint, however long the disk takes. What was committed is in the
write-ahead log by then, so an immediate one (SIGQUIT) loses nothing: the next start reads the log.
"""
INITDB_PATIENCE_SECONDS = 120
PASSWORD_BYTES = 24
UNPRIVILEGED = ("nobody", "daemon")
INHERITED = "/proc/self/fd"  # Linux's names for what a process holds open


class LocalPostgres:
    """One server. `start` starts it on the same data and port as before."""

    def __init__(self, guard: Guard, folder: Path) -> None:
        """`folder` holds all it keeps: data, log, and the superuser's password (mode 0600)."""
        self._guard, self._folder, self._data = guard, folder, folder / "data"
        self._initialised = (
            folder / "initialised"
        )  # written last: a crash inside initdb begins anew
        self._account = _unprivileged() if os.geteuid() == 0 else None
        self._binaries: PostgresBinaries | None = None
        self._server: Server | None = None
        self._port = ANY_FREE_PORT

    @property
    def admin_url(self) -> str:
        """The superuser's URL, password included."""
        password = (self._folder / "superuser-password").read_text()
        return f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{self._port}/postgres"

    def describe(self) -> str:
        """What runs, in one line, without the password."""
        binaries = self._found()
        as_whom = "" if self._account is None else f", run as uid {self._account.uid}"
        where = f"from {binaries.found_in}, {binaries.folder}{as_whom}"
        return f"PostgreSQL {binaries.version} at {LOOPBACK}:{self._port} ({where})"

    def servers(self) -> dict[str, Server]:
        """The process by its name."""
        return {} if self._server is None else {"postgres": self._server}

    def configure(self, port: int) -> None:
        """Decide the port: the one asked for, else the stored one, else a free one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        stored = self._folder / "port"
        if port == ANY_FREE_PORT:
            earlier = int(stored.read_text()) if stored.exists() else ANY_FREE_PORT
            port = earlier if earlier and is_free(earlier) else free_ports(1)[0]
        stored.write_text(str(port))
        self._port = port

    def start(self) -> None:
        """Start it where it does not run, and wait until it answers."""
        if self._server is not None and self._server.running():
            return
        if not is_free(self._port):
            raise StackError(
                f"port {self._port}, which Postgres needs, is taken by {holder(self._port)}:"
                " end it, or choose another with --postgres-port (0 is any free one)"
            )
        binaries = self._found()
        if not self._initialised.exists():
            self._initialise(binaries)
        with self._name_of_data() as (name, held):
            self._server = self._guard.start(
                [str(binaries.folder / "postgres"), "-D", name, *self._options()],
                self._folder / "server.log",
                environment=_environment(),
                account=self._account,
                held=held,
            )
        wait_until(
            lambda: answers(self.admin_url), [self._server], "Postgres", START_PATIENCE_SECONDS
        )
        tell(f"Postgres serves {LOOPBACK}:{self._port}")

    def stop(self) -> None:
        """Stop in order: sessions are ended, everything is written (SIGINT, a fast shutdown)."""
        if self._server is not None and self._server.running():
            self._server.stop((signal.SIGINT, signal.SIGQUIT), STOP_PATIENCE_SECONDS)

    def kill(self) -> None:
        """Kill -9 the server and all its processes; the data stay."""
        if self._server is not None and self._server.running():
            self._server.kill()

    def wipe(self) -> None:
        """Kill it and forget all data and the password."""
        self.kill()
        self._initialised.unlink(missing_ok=True)
        shutil.rmtree(self._data, ignore_errors=True)

    def _found(self) -> PostgresBinaries:
        """The binaries, copied to where the account reaches them if need be; looked for once."""
        if self._binaries is None:
            binaries = find_postgres(self._data)
            if self._account is not None and not runs_as(binaries, self._account):
                room = self._guard.room("brewsaga-postgres-", lasting_temporary_folder())
                binaries = reachable_copy(binaries, self._account, room)
            self._binaries = binaries
        return self._binaries

    def _initialise(self, binaries: PostgresBinaries) -> None:
        """A new data folder; the password reaches initdb by a file, never by its arguments."""
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        _write_private(self._folder / "superuser-password", password)
        handed_over = self._data.with_name("password-for-initdb")
        _write_private(handed_over, password)
        if self._account is not None:
            for path in (self._data, handed_over):
                os.chown(path, self._account.uid, self._account.gid)
            self._folder.chmod(0o711)  # this one folder of ours; what is in it stays closed
        try:
            with self._name_of_data() as (name, held):
                self._run_initdb(binaries, name, f"{name}/../{handed_over.name}", held)
        finally:
            handed_over.unlink()
        self._initialised.touch()

    def _run_initdb(
        self, binaries: PostgresBinaries, data: str, password_file: str, held: tuple[int, ...]
    ) -> None:
        command = [
            str(binaries.folder / "initdb"),
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-instructions",
            "--no-sync",  # an interrupted initdb is begun anew; what is written later is synced
        ]
        self._guard.run(
            command,
            self._folder / "server.log",
            INITDB_PATIENCE_SECONDS,
            environment=_environment(),
            account=self._account,
            held=held,
        )

    @contextmanager
    def _name_of_data(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """How the server calls its data folder, and what it must inherit for that."""
        if self._account is None or _may_enter(self._account, self._data):
            yield str(self._data), ()
            return
        if not sys.platform.startswith("linux"):
            raise StackError(
                f"uid {self._account.uid}, which Postgres would run as, may not enter"
                f" {self._data}: run as an ordinary user, or choose another folder with --data"
            )
        descriptor = os.open(self._data, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"{INHERITED}/{descriptor}", (descriptor,)
        finally:
            os.close(descriptor)

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self._port,
            "unix_socket_directories": "",
            "max_connections": MAX_CONNECTIONS,
            "fsync": "on",
            "shared_buffers": "128MB",
            "dynamic_shared_memory_type": "mmap",  # in the data folder: none is left elsewhere
            "password_encryption": "scram-sha-256",
            "log_min_messages": "warning",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


class ExternalPostgres:
    """The Postgres that the environment named: used and described, neither started nor stopped."""

    def __init__(self, admin_url: str) -> None:
        """`admin_url` may make databases and roles."""
        self.admin_url = admin_url

    def describe(self) -> str:
        """What is used, in one line, without the password."""
        place = self.admin_url.rpartition("@")[2]
        return (
            f"the Postgres at {place}, which BREWSAGA_POSTGRES_ADMIN_URL names (not started here)"
        )

    def servers(self) -> dict[str, Server]:
        """None of ours."""
        return {}

    def start(self) -> None:
        """Only look whether it answers."""
        reason = refusal(self.admin_url)
        if reason is not None:
            raise StackError(
                f"no Postgres answers at BREWSAGA_POSTGRES_ADMIN_URL ({reason}): start it, mend"
                " the URL, or unset that variable to have one started"
            )

    def stop(self) -> None:
        """It is not ours to stop."""

    def kill(self) -> None:
        """It is not ours to kill."""
        raise StackError("the Postgres of BREWSAGA_POSTGRES_ADMIN_URL is not killed from here")

    def wipe(self) -> None:
        """It is not ours to wipe."""
        raise StackError("the Postgres of BREWSAGA_POSTGRES_ADMIN_URL is not wiped from here")


def _unprivileged() -> Account:
    """An account without privileges that is there already."""
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid % 2**32, entry.pw_gid % 2**32)
    raise StackError(f"Postgres refuses to run as root and there is no user {UNPRIVILEGED[0]} here")


def _may_enter(account: Account, folder: Path) -> bool:
    """Whether the account can open this folder by its path, tried rather than computed."""
    answer = subprocess.run(
        ["/bin/sh", "-c", 'cd "$0"', str(folder)],
        cwd="/",
        stderr=subprocess.DEVNULL,
        check=False,
        **as_account(account),
    )
    return answer.returncode == 0


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _environment() -> dict[str, str]:
    """Ours without libpq's variables, which would redirect the server and its tools."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"}
