"""The operator uses every right that the chart gives it, and needs no other.

It runs as a user who has these rights alone, through a proxy that notes what is asked; the pods are
of a program that does nothing.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cluster.operator.kubectl import finished, kubectl
from cluster.operator.proxy import proxy
from cluster.operator.setting import ROOT, Setting

pytestmark = pytest.mark.cluster

RULES: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (ROOT / "helm" / "brewsaga" / "files" / "operator-rules.yaml").read_text()
)
USER = "operator-of-the-test"
SERVICE_LABELS = {
    "app.kubernetes.io/component": "service",
    "app.kubernetes.io/name": "order",
    "brewsaga.dev/chaos": "allowed",
    "brewsaga.dev/needs-postgres": "true",
}


def triples(rules: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield group, resource, verb


GRANTED = {*triples(RULES["everywhere"]), *triples(RULES["chaos"])}


async def grant(namespace: str) -> None:
    """What the chart's templates make of the rules, for a user of this test."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": namespace},
        "rules": [*RULES["everywhere"], *RULES["chaos"]],
    }
    await kubectl("apply", "-f", "-", given=json.dumps(role))
    await kubectl(
        "create", "clusterrolebinding", namespace, f"--clusterrole={namespace}", f"--user={USER}"
    )


async def revoke(namespace: str) -> None:
    await kubectl("delete", "clusterrolebinding,clusterrole", namespace)


async def make_pods(here: Setting) -> None:
    """A Deployment that looks like a service and does nothing."""
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": {"app.kubernetes.io/name": "order"}},
        "template": {
            "metadata": {"labels": SERVICE_LABELS},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "nothing",
                        "image": os.environ.get("NOTHING_IMAGE", "local/pause:1"),
                        "imagePullPolicy": "IfNotPresent",
                    }
                ],
            },
        },
    }
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "order"}}
    await here.place.kubectl("apply", "-f", "-", given=json.dumps({**body, "spec": spec}))
    await here.place.kubectl("rollout", "status", "deployment/order", "--timeout=60s")


async def use_everything(here: Setting) -> None:
    place = here.place
    await place.make("BrewSaga", "brief", {"mode": "Choreography", "ttlSecondsAfterFinished": 0})
    await place.kubectl("wait", "--for=delete", "brew/brief", "--timeout=60s")
    pause = {"target": {"service": "payment"}, "fault": {"type": "Pause"}, "duration": "2s"}
    await place.make("BrewSaga", "around", {"mode": "Orchestration", "chaos": pause})
    await place.until("brew", "around", lambda one: one.get("verdict") == "Pass", seconds=90)
    kill = {"target": {"service": "order"}, "fault": {"type": "PodKill"}, "duration": "2s"}
    load = [{"mode": "Choreography", "orders": 5}]
    await place.make("SagaExperiment", "kill", {**kill, "load": load})
    status = await place.until("sx", "kill", finished, seconds=120)
    assert status["verdict"] == "Pass", status["message"]
    assert status["targets"][0]["state"] == "Recovered"


async def use_the_network(here: Setting) -> None:
    """A pod that does not cut itself stays ready: no partition, and the labels come back."""
    cut = {"type": "Partition", "peer": "Postgres"}
    spec = {"target": {"service": "order"}, "fault": cut, "duration": "3s"}
    await here.place.make("SagaExperiment", "cut", spec)
    status = await here.place.until("sx", "cut", finished, seconds=120)
    assert status["verdict"] == "Error"
    assert "could not be struck" in status["message"]
    labels = await here.place.kubectl(
        "get",
        "pods",
        "-l",
        "app.kubernetes.io/name=order",
        "-o",
        "jsonpath={.items[*].metadata.labels}",
    )
    assert json.loads(labels)["brewsaga.dev/needs-postgres"] == "true"


async def test_what_is_granted_is_used_and_suffices(here: Setting) -> None:
    namespace = here.place.namespace
    await grant(namespace)
    await make_pods(here)
    try:
        async with proxy(os.environ["KUBECONFIG"], USER) as between:
            # Not the namespace alone: a right of the cluster is asked for as the chart gives it.
            await here.start(KUBECONFIG=between.kubeconfig(here.folder), SERVICE_URLS=urls_of(here))
            await use_everything(here)
            await use_the_network(here)
            here.kill()
        assert set(between.asked) == GRANTED
    finally:
        await revoke(namespace)


def urls_of(here: Setting) -> str:
    """Payment runs on this machine; order is the pods."""
    return json.dumps({"payment": [here.service_urls["payment"]]})
