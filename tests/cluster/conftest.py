"""One release for all: installed fresh, used by every test of the folder in the files' order, and
uninstalled by the last one, which looks at what it leaves.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cluster.client import Client, start_client
from cluster.kube import CHART, Namespace, e2e_options, run

NAMESPACE = os.environ.get("NAMESPACE", "brewsaga-e2e")
TOLD = {
    "api.service.type": "ClusterIP",
    "api.service.nodePort": "null",
    "operator.watchNamespaces": f"{{{NAMESPACE}}}",
    "operator.chaos.enabled": "true",
    "operator.chaos.brokerKill": "true",
    "operator.chaos.databaseKill": "true",
}
"""What this release is told beside values-kind.yaml."""


def _set(values: dict[str, str]) -> tuple[str, ...]:
    return tuple(word for name, value in values.items() for word in ("--set", f"{name}={value}"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs a cluster; by name they stand in the order in which things happen."""
    for item in items:
        if "/tests/cluster/" in str(item.path):
            item.add_marker(pytest.mark.cluster)


@dataclass(frozen=True)
class Release:
    """The chart as it was installed, and how long that took."""

    space: Namespace
    client: Client
    options: tuple[str, ...]
    first_order_seconds: float


@pytest.fixture(scope="session")
def release() -> Iterator[Release]:
    space = Namespace(NAMESPACE)
    options = ("-f", str(CHART / "values-kind.yaml"), *e2e_options(), *_set(TOLD))
    began = time.monotonic()
    space.deploy(*options)
    installed = time.monotonic() - began
    client = start_client(
        space,
        "client",
        {
            "app.kubernetes.io/part-of": "brewsaga",
            "app.kubernetes.io/instance": "brewsaga",
            "app.kubernetes.io/name": "test",
            "app.kubernetes.io/component": "test",
        },
        {"brewsaga-api-token": {"token": "api-token"}},
    )
    placed = client.brewsaga("place", "--mode", "both", "--wait")
    seconds = time.monotonic() - began
    assert placed.count("outcome=completed") == 2
    print(f"\ninstalled after {installed:.0f} s, first finished orders after {seconds:.0f} s")
    yield Release(space, client, options, seconds)
    if os.environ.get("BREWSAGA_E2E_KEEP") != "1":
        subprocess.run(
            ["helm", "-n", NAMESPACE, "uninstall", "brewsaga", "--ignore-not-found"], check=False
        )
        run("kubectl", "delete", "namespace", NAMESPACE, "--wait=false")
