"""A stack in the background: one supervisor a data folder owns all servers, from up to down.

A lock on the folder makes it one; SIGHUP asks it to start what has died since; SIGTERM ends all.
Whatever ends the supervisor itself, its watchdog ends the servers.
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import chain, repeat
from pathlib import Path
from queue import SimpleQueue

import psutil

from brewsaga.stack import watchdog
from brewsaga.stack.config import KafkaChoice, StackConfig, StackError, made
from brewsaga.stack.processes import Identity, own_environment
from brewsaga.stack.progress import tell
from brewsaga.stack.stack import Stack, sole_owner
from brewsaga.stack.state import StackState, read_state, remove_state, write_state

UP_PATIENCE_SECONDS = 180.0  # a first start downloads 45 MB
DOWN_PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05
LOG_FILE = "supervisor.log"
DETACHED = '"$@" >>"$0" 2>&1 & echo $!'
SIGNALS = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT}


def up(config: StackConfig) -> StackState:
    """Start what does not run, in the background; returns when everything serves."""
    folder = _folder(config)
    state = read_state(folder)
    if state is not None and state.complete():
        return state
    if state is not None and "supervisor" in state.alive():
        supervisor = state.supervisor
        shown = _log_size(folder)
        write_state(folder, dataclasses.replace(state, ready=False, error=""))
        os.kill(supervisor.pid, signal.SIGHUP)
    else:
        down(folder)
        shown = _log_size(folder)
        supervisor = _spawn(config, folder)
    return _wait_until_ready(folder, supervisor, shown)


def down(data_dir: Path) -> bool:
    """End everything of this folder; returns when no process is left. False where nothing ran."""
    folder = data_dir.resolve()
    state = read_state(folder)
    if state is None:
        return False
    alive = state.alive()
    everyone = [process for who in alive.values() if (process := who.process()) is not None]
    family = watchdog.with_children(everyone)
    if "supervisor" in alive:
        os.kill(state.supervisor.pid, signal.SIGTERM)
    # Without a supervisor its watchdog is at work already; what outlives that too is ended here.
    deadline = time.monotonic() + DOWN_PATIENCE_SECONDS
    while any(_lives(process) for process in family):
        if time.monotonic() > deadline:
            watchdog.end(family)
            break
        time.sleep(POLL_SECONDS)
    remove_state(folder)
    return bool(alive)


def wipe(data_dir: Path) -> None:
    """End everything and forget all data of this folder."""
    down(data_dir)
    shutil.rmtree(data_dir, ignore_errors=True)


def status(data_dir: Path) -> StackState | None:
    """What runs in this folder, or None."""
    state = read_state(data_dir.resolve())
    return state if state is not None and state.alive() else None


def supervise(config: StackConfig) -> None:
    """Be the supervisor: start all, and hold it until told to stop; in a process of its own."""
    folder = _folder(config)
    with sole_owner(folder) as lock:
        heard: SimpleQueue[int] = SimpleQueue()
        for sign in SIGNALS:  # handlers and not a mask, which the servers would inherit
            signal.signal(sign, lambda number, _frame: heard.put(number))
        stack = Stack(config, folder, lock)
        try:
            _serve(stack, folder, heard)
        finally:
            stack.stop()
            remove_state(folder)


def _serve(stack: Stack, folder: Path, heard: SimpleQueue[int]) -> None:
    """Start, then wait for signals: SIGHUP starts what has died, any other ends."""
    own = Identity.of(os.getpid())
    for first in chain([True], repeat(False)):
        state = StackState(supervisor=own, watchdog=stack.guard.identity)
        write_state(folder, dataclasses.replace(state, servers=_identities(stack)))
        try:
            stack.start()
            state = dataclasses.replace(
                state,
                ready=True,
                bootstrap=stack.kafka.bootstrap,
                postgres_admin_url=stack.postgres.admin_url,
                description=stack.describe(),
            )
        except StackError as error:
            if first:
                raise
            state = dataclasses.replace(state, error=str(error))
        write_state(folder, dataclasses.replace(state, servers=_identities(stack)))
        if heard.get() != signal.SIGHUP:
            return


def _identities(stack: Stack) -> dict[str, Identity]:
    return {name: server.identity for name, server in stack.servers().items()}


def _spawn(config: StackConfig, folder: Path) -> Identity:
    """Start a supervisor that is nobody's child, in a session of its own, with a log."""
    command = [sys.executable, "-m", "brewsaga.stack", "supervise", encode(config)]
    answer = subprocess.run(
        ["/bin/sh", "-c", DETACHED, str(folder / LOG_FILE), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
        start_new_session=True,
        env=own_environment(),
    )
    pid = int(answer.stdout)
    try:
        return Identity.of(pid)
    except psutil.NoSuchProcess:
        return Identity(pid, created=0.0)  # it died at once; its log says why


def encode(config: StackConfig) -> str:
    """A configuration as one argument; what is secret travels in the environment."""
    fields = dataclasses.asdict(config)
    del fields["external_postgres_admin_url"]
    return json.dumps({**fields, "data_dir": str(_folder(config))})


def decode(text: str) -> StackConfig:
    """The configuration that `encode` wrote."""
    fields = json.loads(text)
    fields["data_dir"] = Path(fields["data_dir"])
    fields["kafka"] = KafkaChoice(fields["kafka"])
    url = StackConfig.from_environment().external_postgres_admin_url
    return StackConfig(**fields, external_postgres_admin_url=url)


def _wait_until_ready(folder: Path, supervisor: Identity, shown: int) -> StackState:
    """Relay the supervisor's words until all serves; its death or error is ours."""
    deadline = time.monotonic() + UP_PATIENCE_SECONDS
    errors: list[str] = []
    while True:
        alive = supervisor.process() is not None
        state = read_state(folder)
        shown = _relay(folder, shown, errors)
        if state is not None and state.supervisor == supervisor and alive:
            if state.error:
                raise StackError(state.error)
            if state.ready:
                return state
        if not alive:
            log = folder / LOG_FILE
            raise StackError("\n".join(errors) or f"the supervisor died; see {log}")
        if time.monotonic() > deadline:
            raise StackError(f"not ready in {UP_PATIENCE_SECONDS:.0f} s; see {folder / LOG_FILE}")
        time.sleep(POLL_SECONDS)


def _relay(folder: Path, shown: int, errors: list[str]) -> int:
    """Pass on progress written since, collect what is none; how far the log is read now."""
    data = (folder / LOG_FILE).read_bytes()[shown:]
    whole_lines = data[: data.rfind(b"\n") + 1]
    for line in whole_lines.decode(errors="replace").splitlines():
        if line.startswith("stack: "):
            tell(line.removeprefix("stack: "))
        else:
            errors.append(line)
    return shown + len(whole_lines)


def _log_size(folder: Path) -> int:
    log = folder / LOG_FILE
    return log.stat().st_size if log.exists() else 0


def _lives(process: psutil.Process) -> bool:
    """Whether it runs; a zombie, such as our own dead child, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _folder(config: StackConfig) -> Path:
    if config.data_dir is None:
        raise StackError("a stack in the background needs a data folder: name one with --data")
    return made(config.data_dir.resolve(), "name another folder with --data")
