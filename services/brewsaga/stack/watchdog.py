"""The process that outlives its owner by a moment, to end the servers, however the owner went.

Linux alone can tie a child's life to its parent, and there to the life of one thread. A pipe works
everywhere: the owner holds the writing end, and when it closes, by a stop or by kill -9, everything
that was named is ended. It is run by its path, without the package, so that it starts quickly, and
must not know what it ends.

One JSON object a line: {"pid", "created"} names a process, {"forget": pid} drops one, {"folder"} is
removed at the end.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import sys

import psutil

LOOK_EVERY_SECONDS = 2.0
POLITE_SECONDS = 4.0
CREATED_TOLERANCE_SECONDS = 0.1


def same_process(pid: int, created: float) -> psutil.Process | None:
    """The live process of this pid, if it is the one that was meant (pids are used again)."""
    try:
        process = psutil.Process(pid)
        is_same = abs(process.create_time() - created) < CREATED_TOLERANCE_SECONDS
        alive = process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return None
    return process if is_same and alive else None


def with_children(processes: list[psutil.Process]) -> list[psutil.Process]:
    """These and all below them; Postgres' backends leave its process group, hence the tree."""
    everyone = list(processes)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            everyone.extend(process.children(recursive=True))
    return everyone


def end(processes: list[psutil.Process], first: signal.Signals = signal.SIGINT) -> None:
    """Ask politely, wait a little, then kill; returns when no process is left."""
    everyone = with_children(processes)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(first)
    _, stubborn = psutil.wait_procs(everyone, timeout=POLITE_SECONDS)
    for process in with_children(stubborn):
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=POLITE_SECONDS)


def watch(descriptor: int, owner: int) -> None:
    """Read names until the pipe closes or the owner is no longer our parent, then end all."""
    named: dict[int, float] = {}
    folders: list[str] = []
    pending = b""
    while True:
        orphaned = (
            os.getppid() != owner
        )  # asked first: what the owner still wrote is then read below
        patience = 0.0 if orphaned else LOOK_EVERY_SECONDS
        readable, _, _ = select.select([descriptor], [], [], patience)
        if not readable and orphaned:
            break
        if not readable:
            continue
        data = os.read(descriptor, 65_536)
        if not data:
            break
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "pid" in order:
                named[order["pid"]] = order["created"]
            if "forget" in order:
                named.pop(order["forget"], None)
            if "folder" in order:
                folders.append(order["folder"])
    found = [same_process(pid, created) for pid, created in named.items()]
    end([process for process in found if process is not None])
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watch(sys.stdin.fileno(), int(sys.argv[1]))
