"""Speaks to the cluster that KUBECONFIG names, through kubectl and helm, as a person would.

Knows Kubernetes and this chart's names, and nothing of sagas.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "brewsaga"
COMMAND_SECONDS = 120.0
POLL_SECONDS = 0.5
SERVICES = ("payment", "inventory", "shipment", "order", "orchestrator")


class CommandFailed(AssertionError):  # noqa: N818 - what happened, as in `Refused`
    """A command ended otherwise than with 0; the text is what it said."""


def run(*command: str, stdin: str | None = None, timeout_seconds: float = COMMAND_SECONDS) -> str:
    """A command's output. Raises CommandFailed with all it said."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=timeout_seconds, check=False
    )
    if done.returncode:
        shown = " ".join(command)[:300]
        raise CommandFailed(f"{shown}: code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_until(what: str, ask: Callable[[], Any], timeout_seconds: float) -> Any:
    """The first true answer. What is waited for lies in a cluster, which sets no event of ours."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise CommandFailed(f"{what}: not after {timeout_seconds:.0f} s")
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Namespace:
    """One namespace, and the release in it."""

    name: str
    release: str = "brewsaga"

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = 120.0) -> str:
        """What kubectl says in this namespace."""
        return run("kubectl", "-n", self.name, *arguments, stdin=stdin, timeout_seconds=seconds)

    def helm(self, *arguments: str, seconds: float = 400.0) -> str:
        """What helm says in this namespace."""
        return run("helm", "-n", self.name, *arguments, timeout_seconds=seconds)

    def get(self, *what: str) -> list[dict[str, Any]]:
        """Resources of a kind, or of several; none where the cluster does not know the kind."""
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", *what, "-o", "json"))["items"]
        return items

    def deploy(self, *options: str, wait: bool = True) -> None:
        """Install or upgrade the chart with its default providers."""
        waiting = ("--wait", "--timeout", "5m") if wait else ()
        self.helm("upgrade", "--install", self.release, str(CHART), *options, *waiting)

    def psql(self, database: str, statement: str) -> str:
        """The answer of the chart's Postgres, asked as its superuser."""
        pod = f"{self.release}-postgres-0"
        program = ("psql", "-X", "-U", "postgres", "-d", f"brewsaga_{database}", "-Atc", statement)
        return self.kubectl("exec", pod, "--", *program).strip()

    def pods(self, selector: str) -> list[str]:
        """Names of the pods that are not going."""
        found = self.get("pods", "-l", selector)
        return [
            pod["metadata"]["name"] for pod in found if not pod["metadata"].get("deletionTimestamp")
        ]

    def wait_ready(self, selector: str, count: int, timeout_seconds: float = 120.0) -> None:
        """Until so many pods of a selector are ready and none is going."""

        def ready() -> bool:
            pods = self.get("pods", "-l", selector)
            return len(pods) == count and all(_is_ready(pod) for pod in pods)

        wait_until(f"{count} pods of {selector} ready", ready, timeout_seconds)

    def run_job(self, name: str, cronjob: str, timeout_seconds: float = 180.0) -> tuple[int, str]:
        """Start a cron job's job now; its pod's exit code and what it printed."""
        self.kubectl("create", "job", f"--from=cronjob/{cronjob}", name)
        selector = f"batch.kubernetes.io/job-name={name}"
        code = wait_until(f"job {name}", lambda: self._ended(selector), timeout_seconds)[0]
        return code, self.kubectl("logs", f"job/{name}")

    def _ended(self, selector: str) -> list[int]:
        states = [
            status["state"].get("terminated")
            for pod in self.get("pods", "-l", selector)
            for status in pod["status"].get("containerStatuses", [])
        ]
        return [state["exitCode"] for state in states if state]


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp")


def e2e_options() -> Sequence[str]:
    """Where the cluster cannot pull the chart's own images, BREWSAGA_E2E_SET names others."""
    given = os.environ.get("BREWSAGA_E2E_SET", "")
    return [word for value in given.split() for word in ("--set", value)]
