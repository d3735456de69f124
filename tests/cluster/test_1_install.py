"""A fresh install, and what it is made of."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

from cluster.conftest import Release
from cluster.kube import CHART, SERVICES, run

FIRST_ORDER_SECONDS_MAX = 120.0
CI_VALUES = [*sorted((CHART / "ci").glob("*-values.yaml")), *sorted(CHART.glob("values*.yaml"))]


def test_from_nothing_to_the_first_finished_order(release: Release) -> None:
    assert release.first_order_seconds <= FIRST_ORDER_SECONDS_MAX


def test_helm_test_places_orders_in_both_modes_and_sees_their_ends(release: Release) -> None:
    said = release.space.helm("test", "brewsaga", "--logs")
    assert "Phase:          Succeeded" in said
    assert said.count("outcome=completed") == 10


def test_two_of_each_service_are_ready_and_no_service_was_restarted(release: Release) -> None:
    for service in SERVICES:
        pods = release.space.get("pods", "-l", f"app.kubernetes.io/name={service}")
        assert len(pods) == 2, service
        for pod in pods:
            (status,) = pod["status"]["containerStatuses"]
            assert status["ready"], service
            assert status["restartCount"] == 0, service


def test_restricted_pod_security_is_enforced(release: Release) -> None:
    labels = json.loads(run("kubectl", "get", "namespace", release.space.name, "-o", "json"))
    assert labels["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


LOOK = """
import importlib.util, json, os, pathlib
names = {names}
def writable(path):
    try:
        pathlib.Path(path).write_text("x")
    except OSError as error:
        return error.strerror
print(json.dumps({{
    "found": [name for name in names if importlib.util.find_spec(name)],
    "uid": os.getuid(),
    "root": writable("/app/x"),
    "token": os.path.exists("/var/run/secrets/kubernetes.io"),
    "pid_1": pathlib.Path("/proc/1/cmdline").read_text().split("\\0")[:2],
}}))
"""


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_its_own_service_and_nothing_of_the_others(
    release: Release, service: str
) -> None:
    names = (*SERVICES, "brewsaga", "sagakit", "saga", "brewsaga_operator", "pip")
    program = f"import sys; sys.path.insert(0, '/app/services')\n{LOOK.format(names=names)}"
    pod = release.space.pods(f"app.kubernetes.io/name={service}")[0]
    seen = json.loads(release.space.kubectl("exec", pod, "--", "python", "-c", program))
    assert seen == {
        "found": [service, "sagakit", "saga"],
        "uid": 10001,
        "root": "Read-only file system",
        "token": False,
        "pid_1": ["python", "/app/services"],
    }


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.stem)
def test_the_api_server_takes_every_resource_of(release: Release, values: Path) -> None:
    """Strictly, by the real definitions: types, enums, rules, and no unknown field."""
    rendered = run("helm", "template", "judged", str(CHART), "-f", str(values), "--no-hooks")
    blocks = rendered.split("\n---\n")
    known = [block for block in blocks if _kind(block) in _kinds_of_the_cluster()]
    unknown = {_kind(block) for block in blocks if block not in known} - {""}
    if os.environ.get("BREWSAGA_E2E_ALL_KINDS") == "1":
        assert not unknown, f"the cluster lacks {unknown}: apply their definitions"
    elif unknown:
        print(f"  {values.stem}: the cluster knows no {', '.join(sorted(unknown))}")
    strictly = ("--dry-run=server", "--validate=strict", "--server-side", "--force-conflicts")
    done = subprocess.run(
        ["kubectl", "-n", release.space.name, "apply", *strictly, "-f", "-"],
        input="\n---\n".join(known),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "would violate PodSecurity" not in done.stderr, done.stderr


def _kind(block: str) -> str:
    found = [line for line in block.split("\n") if line.startswith("kind: ")]
    return found[0].removeprefix("kind: ") if found else ""


@cache
def _kinds_of_the_cluster() -> frozenset[str]:
    listed = run("kubectl", "api-resources", "--no-headers")
    return frozenset(line.split()[-1] for line in listed.strip().split("\n"))


OF_THE_CLUSTER = {"KafkaTopic", "KafkaNodePool", "CustomResourceDefinition"}
"""Topics are Kafka's own, a pool's name is told apart by its label, definitions are everyone's."""


def test_a_release_beside_it_would_not_touch_it(release: Release) -> None:
    """Every other name has the release's name in it."""
    rendered = run("helm", "template", "second", str(CHART), "--no-hooks")
    del release
    names = {
        line.removeprefix("  name: ")
        for block in rendered.split("\n---\n")
        if _kind(block) not in OF_THE_CLUSTER
        for line in block.split("\n")
        if line.startswith("  name: ")
    }
    assert all(name.startswith("second-brewsaga") for name in names), names
