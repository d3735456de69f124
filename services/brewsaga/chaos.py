"""`brewsaga chaos`: experiments from the command line, through the kubectl that people have.

kubectl knows the cluster, the context and the rights, so none of that is known here; nor is what an
experiment does. The verdict is data and goes to stdout, what happens meanwhile to stderr.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from brewsaga.errors import CommandError, Exit

LOOK_SECONDS: Final = 1.0
KIND: Final = "sagaexperiments.brewsaga.dev"
EXITS: Final = {
    "Pass": Exit.COMPLETED,
    "Fail": Exit.NEEDS_A_PERSON,
    "Inconclusive": Exit.TIMED_OUT,
    "Awaited": Exit.TIMED_OUT,
    "Aborted": Exit.ERROR,
    "Error": Exit.ERROR,
}
"""A verdict's exit code."""


def kubectl(arguments: Sequence[str], namespace: str) -> str:
    """What kubectl says. Raises CommandError with its complaint."""
    if shutil.which("kubectl") is None:
        raise CommandError("kubectl is not on PATH", "install kubectl, then kubectl cluster-info")
    where = ["--namespace", namespace] if namespace else []
    command = ["kubectl", *where, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        complaint = ran.stderr.strip().removeprefix("Error from server ")
        code = Exit.NOT_FOUND if "NotFound" in ran.stderr else Exit.ERROR
        raise CommandError(complaint, "brewsaga chaos list", code)
    return ran.stdout


def list_all(namespace: str) -> Exit:
    """Every experiment, with its verdict and the sentence to it."""
    print(kubectl(["get", KIND, "--output=wide"], namespace), end="")
    return Exit.COMPLETED


def run(file: str, namespace: str, timeout_seconds: float, *, wait: bool) -> Exit:
    """Make the experiment of a file; wait for its verdict unless told otherwise."""
    if not Path(file).is_file():
        raise CommandError(f"there is no file {file!r}", "ls examples", Exit.USAGE)
    made = json.loads(kubectl(["create", "--filename", file, "--output=json"], namespace))
    bodies = made.get("items", [made])
    experiments = [one["metadata"] for one in bodies if one["kind"] == "SagaExperiment"]
    if len(experiments) != 1:
        message = f"{file} holds {len(experiments)} SagaExperiments; one is run at a time"
        raise CommandError(message, f"kubectl apply -f {file}", Exit.USAGE)
    (meta,) = experiments
    print(f"MADE experiment={meta['name']} namespace={meta['namespace']}", file=sys.stderr)
    if not wait:
        return Exit.COMPLETED
    return _follow(meta["name"], meta["namespace"], timeout_seconds)


def _follow(name: str, namespace: str, timeout_seconds: float) -> Exit:
    deadline = time.monotonic() + timeout_seconds
    phase = ""
    while time.monotonic() < deadline:
        status = _status(name, namespace)
        if status.get("phase", "Pending") != phase:
            phase = status.get("phase", "Pending")
            print(f"{phase.upper()} experiment={name}", file=sys.stderr)
        if phase == "Finished":
            return verdict(name, namespace)
        time.sleep(LOOK_SECONDS)
    text = f"no verdict after {timeout_seconds:g} s; it is {phase}"
    raise CommandError(text, f"brewsaga chaos verdict {name}", Exit.TIMED_OUT)


def stop(name: str, namespace: str) -> Exit:
    """Abort: its faults are taken back, and its verdict is Aborted."""
    patch = ["patch", KIND, name, "--type=merge", "--patch", '{"spec": {"abort": true}}']
    kubectl(patch, namespace)
    print(f"ABORTING experiment={name}; next: brewsaga chaos verdict {name}", file=sys.stderr)
    return Exit.COMPLETED


def verdict(name: str, namespace: str) -> Exit:
    """The verdict with its numbers, one line for each probe under it."""
    status = _status(name, namespace)
    reached = status.get("verdict", "Awaited")
    print(f"VERDICT experiment={name} verdict={reached} {status.get('message', '')}".rstrip())
    for probe in status.get("probes", []):
        first = probe.get("firstFailureAfter")
        print(
            f"PROBE name={probe['name']} measured={probe['measured']} failed={probe['failed']} "
            f"errors={probe['errors']} first_failure_after={first or '-'}"
        )
    return EXITS.get(reached, Exit.ERROR)


def _status(name: str, namespace: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(kubectl(["get", KIND, name, "--output=json"], namespace))
    status: dict[str, Any] = body.get("status") or {}
    return status
