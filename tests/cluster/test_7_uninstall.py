"""What an uninstall leaves is what the notes say: with values-kind, the definitions alone."""

import json

from cluster.conftest import Release
from cluster.kube import CommandFailed, Namespace, run, wait_until

KINDS = (
    "pods,services,deployments,statefulsets,replicasets,jobs,cronjobs,secrets,configmaps,"
    "serviceaccounts,persistentvolumeclaims,networkpolicies,"
    "poddisruptionbudgets,roles,rolebindings,"
    "kafkas,kafkanodepools,kafkatopics,kafkausers,brewsagas,sagaexperiments"
)
KINDS_OF_THE_CLUSTER = (
    "clusterroles,clusterrolebindings,validatingadmissionpolicies,"
    "validatingadmissionpolicybindings,persistentvolumes"
)
NOT_OURS = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}


def left(space: Namespace) -> set[str]:
    """What is in the namespace, and what the release or its claims have in the whole cluster."""
    found = {f"{one['kind']}/{one['metadata']['name']}" for one in space.get(KINDS)}
    everywhere = json.loads(run("kubectl", "get", KINDS_OF_THE_CLUSTER, "-o", "json"))["items"]
    ours = {f"{one['kind']}/{one['metadata']['name']}" for one in everywhere if _is_of(space, one)}
    return (found | ours) - NOT_OURS


def _is_of(space: Namespace, one: dict[str, dict[str, dict[str, str]]]) -> bool:
    labels = one["metadata"].get("labels", {})
    claim = one.get("spec", {}).get("claimRef", {})
    is_labelled = labels.get("app.kubernetes.io/instance") == space.release
    return is_labelled or claim.get("namespace") == space.name


def begin_experiment(space: Namespace) -> None:
    """One that would stay on for ten minutes, and is on."""
    space.kubectl("label", "namespace", space.name, "--overwrite", "brewsaga.dev/chaos=allowed")
    spec = {"target": {"service": "payment"}, "fault": {"type": "Pause"}, "duration": "10m"}
    body = {"apiVersion": "brewsaga.dev/v1alpha1", "kind": "SagaExperiment"}
    made = json.dumps({**body, "metadata": {"name": "left-on"}, "spec": spec})
    space.kubectl("apply", "-f", "-", stdin=made)
    running = "--for=jsonpath={.status.phase}=Running"
    space.kubectl("wait", running, "sx/left-on", "--timeout=60s")


def test_uninstall_takes_faults_back_and_leaves_only_what_it_says(release: Release) -> None:
    space = release.space
    notes = space.helm("get", "notes", "brewsaga")
    said = [line.strip() for line in notes.partition("leaves:")[2].strip().split("\n")]
    assert said == [
        "- the CustomResourceDefinitions, with the BrewSagas and SagaExperiments in the cluster"
    ]
    begin_experiment(space)
    space.kubectl("delete", "pod", "client", "brewsaga-test", "--ignore-not-found")
    space.kubectl("delete", "jobs", "--all")
    space.helm("uninstall", "brewsaga", "--wait", "--timeout", "3m")

    (experiment,) = (one for one in space.get("sx") if one["metadata"]["name"] == "left-on")
    assert experiment["status"]["verdict"] == "Aborted"
    assert [one["state"] for one in experiment["status"]["targets"]] == ["Recovered"]
    space.kubectl("delete", "brewsagas,sagaexperiments", "--all", "--timeout=30s")
    try:
        wait_until("nothing left", lambda: not left(space), 90)
    except CommandFailed:
        assert left(space) == set()
    definitions = ("crd/brewsagas.brewsaga.dev", "crd/sagaexperiments.brewsaga.dev")
    assert len(run("kubectl", "get", *definitions, "-o", "name").split()) == len(definitions)
