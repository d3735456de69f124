"""The operator in the cluster: each file of examples/ is applied, and each fault strikes under
orders of each mode.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.conftest import Release
from cluster.fault_rows import named, note, row_of
from cluster.kube import ROOT, Namespace, wait_until
from cluster.load import audit

EXAMPLES = {path.stem: path for path in sorted((ROOT / "examples").glob("*.yaml"))}
ORDERS = {
    "brewsaga": ("morning", "Completed"),
    "brewsaga-orchestration": ("noon", "Completed"),
    "brewsaga-compensated": ("no-courier", "Compensated"),
    "brewsaga-with-chaos": ("through-the-storm", "Completed"),
}
CANCELLED, GONE = "brewsaga-cancel", "brewsaga-gone-afterwards"
ELSEWHERE = "chaos-promql"
"""Needs a Prometheus, which is beside the services of `cluster/operator/test_promql.py`."""
SOON = "chaos-pod-kill"
"""The one experiment that is not left to the longer run."""
EXPERIMENTS = [name for name in EXAMPLES if name.startswith("chaos-") and name != ELSEWHERE]
MODES = ("Choreography", "Orchestration")
LONGER_SECONDS = 25
SEEN_LATE = ("Partition", "DatabaseKill")
"""A pod notices late that it is cut off; without its database nothing is measured for a while."""
FAULTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"service": "payment", "mode": "All"}, {"type": "FailRate", "percent": 50}),
    ({"service": "payment", "mode": "All"}, {"type": "FailRate", "percent": 50, "undo": True}),
    ({"service": "inventory", "mode": "All"}, {"type": "Delay", "delay": "2s"}),
    ({"service": "shipment", "mode": "All"}, {"type": "Pause"}),
    ({"service": "payment", "mode": "All"}, {"type": "Duplicate"}),
    ({"service": "payment", "mode": "All"}, {"type": "Poison"}),
    ({"service": "inventory"}, {"type": "PodKill"}),
    ({"service": "payment", "mode": "All"}, {"type": "PodKill"}),
    ({"service": "payment"}, {"type": "Partition", "peer": "Postgres"}),
    ({"service": "shipment"}, {"type": "Partition", "peer": "Kafka"}),
    ({"service": "order"}, {"type": "BrokerKill"}),
    ({"service": "payment"}, {"type": "DatabaseKill"}),
]


@pytest.fixture(scope="module")
def space(release: Release) -> Iterator[Namespace]:
    """The release's namespace, which has opted in to chaos."""
    label = ("label", "namespace", release.space.name, "--overwrite")
    release.space.kubectl(*label, "brewsaga.dev/chaos=allowed")
    yield release.space
    release.space.kubectl(*label, "brewsaga.dev/chaos=over")


@pytest.fixture(scope="module")
def applied(space: Namespace) -> Namespace:
    """Every BrewSaga of the examples, at once."""
    for name in (*ORDERS, CANCELLED, GONE):
        space.kubectl("apply", "-f", str(EXAMPLES[name]))
    return space


def test_every_example_is_run() -> None:
    assert {*ORDERS, CANCELLED, GONE, *EXPERIMENTS, ELSEWHERE} == set(EXAMPLES)


@pytest.mark.parametrize("name", ORDERS)
def test_an_example_of_orders_comes_to_its_end(applied: Namespace, name: str) -> None:
    saga, phase = ORDERS[name]
    wanted = f"--for=jsonpath={{.status.phase}}={phase}"
    applied.kubectl("wait", wanted, f"brew/{saga}", "--timeout=60s")


def test_the_example_with_chaos_has_a_verdict(applied: Namespace) -> None:
    wanted = "--for=jsonpath={.status.verdict}=Pass"
    applied.kubectl("wait", wanted, "brew/through-the-storm", "--timeout=60s")


def test_the_example_to_cancel_is_cancelled_by_its_own_command(applied: Namespace) -> None:
    first, _, _ = EXAMPLES[CANCELLED].read_text().partition("\n")
    command = first.partition(": ")[2]
    assert command.startswith("kubectl patch brew called-off")
    line = f"{command} -n {applied.name}"
    subprocess.run(line, shell=True, check=True, capture_output=True)  # noqa: S602 - as written
    wanted = "--for=jsonpath={.status.phase}=Cancelled"
    applied.kubectl("wait", wanted, "brew/called-off", "--timeout=60s")


def test_the_example_that_deletes_itself_is_gone(applied: Namespace) -> None:
    applied.kubectl("wait", "--for=delete", "brew/brief", "--timeout=60s")


def experiment(space: Namespace, name: str, timeout_seconds: float = 300.0) -> dict[str, Any]:
    """A SagaExperiment that has ended."""

    def ended() -> dict[str, Any] | None:
        found = json.loads(space.kubectl("get", "sx", name, "--ignore-not-found", "-o", "json"))
        is_over = found.get("status", {}).get("phase") == "Finished"
        return found if is_over else None

    found: dict[str, Any] = wait_until(f"the verdict of {name}", ended, timeout_seconds)
    print(f"  {name}: {found['status']['verdict']}: {found['status']['message']}")
    return found


def test_the_command_line_runs_an_experiment_and_ends_by_its_verdict(space: Namespace) -> None:
    command = (sys.executable, "-m", "brewsaga", "chaos", "run", str(EXAMPLES[SOON]))
    done = subprocess.run(
        (*command, "-n", space.name), capture_output=True, text=True, check=False, timeout=180
    )
    print(f"  {done.stdout.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Pass" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name != SOON])
def test_an_example_of_chaos_passes(space: Namespace, name: str) -> None:
    file: Path = EXAMPLES[name]
    made = space.kubectl("apply", "-f", str(file), "-o", "name").split()
    ends = [experiment(space, one.rpartition("/")[2]) for one in made]
    assert [one["status"]["verdict"] for one in ends] == ["Pass"] * len(made)


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("target", "fault"), FAULTS, ids=[named(fault) for _, fault in FAULTS])
def test_matrix(space: Namespace, target: dict[str, Any], fault: dict[str, Any], mode: str) -> None:
    """One row of docs/faults.md: a fault around orders, of which some are undone all the while."""
    name = "-".join((named(fault).replace(" %", ""), target["service"], mode)).lower()
    name = name.replace(" ", "-")
    seconds = LONGER_SECONDS if fault["type"] in SEEN_LATE else 6
    chaos = {"target": target, "fault": fault, "duration": f"{seconds}s"}
    chaos["recoveryDeadline"] = "120s"
    spec = {
        "mode": mode,
        "orders": 40,
        "ratePerSecond": 5,
        "faults": [{"step": "shipment", "failPercent": 30}],
        "chaos": chaos,
    }
    saga = {"apiVersion": "brewsaga.dev/v1alpha1", "kind": "BrewSaga", "metadata": {"name": name}}
    space.kubectl("apply", "-f", "-", stdin=json.dumps({**saga, "spec": spec}))
    done = experiment(space, f"{name}-chaos")
    space.kubectl("wait", "--for=condition=Finished", f"brew/{name}", "--timeout=120s")
    (told,) = (one for one in space.get("brew") if one["metadata"]["name"] == name)
    note(row_of(done["spec"], done["status"], mode, told["status"]["counts"]))
    assert done["status"]["verdict"] == "Pass"
    assert sum(told["status"]["counts"].values()) == spec["orders"]


def test_the_audit_finds_no_violation_after_all_of_it(space: Namespace) -> None:
    audit(space, "chaos")
