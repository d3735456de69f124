"""What an uninstall leaves is what the chart's notes say: with values-kind, nothing."""

from cluster.conftest import Release
from cluster.kube import CommandFailed, Namespace, wait_until

KINDS = (
    "pods,services,deployments,statefulsets,replicasets,jobs,cronjobs,secrets,configmaps,"
    "serviceaccounts,persistentvolumeclaims,networkpolicies,poddisruptionbudgets,"
    "kafkas,kafkanodepools,kafkatopics,kafkausers"
)
NOT_OURS = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}


def left(space: Namespace) -> set[str]:
    found = {f"{one['kind']}/{one['metadata']['name']}" for one in space.get(KINDS)}
    return found - NOT_OURS


def test_uninstall_leaves_only_what_it_says(release: Release) -> None:
    space = release.space
    notes = space.helm("get", "notes", "brewsaga")
    said = notes.partition("leaves:")[2].split()
    assert said == ["nothing"]
    space.kubectl("delete", "pod", "client", "brewsaga-test", "--ignore-not-found")
    space.kubectl("delete", "jobs", "--all")
    space.helm("uninstall", "brewsaga", "--wait", "--timeout", "3m")
    try:
        wait_until("nothing left", lambda: not left(space), 90)
    except CommandFailed:
        assert left(space) == set()
