"""Upgrade and rollback while orders are under way."""

import json

from cluster.conftest import Release
from cluster.kube import SERVICES, Namespace
from cluster.load import Load, audit

RATE_PER_SECOND = 12.0
ORDERS = 6_000
FAULTS = "payment=3;shipment=15,delay:5s;refund=20;release=20"


def seen(space: Namespace, name: str) -> set[str]:
    """What the running pods of all services are told by this variable."""
    pods = space.get("pods", "-l", "app.kubernetes.io/component=service")
    return {
        one["value"]
        for pod in pods
        for one in pod["spec"]["containers"][0]["env"]
        if one["name"] == name
    }


def test_upgrade_and_rollback_under_load_lose_nothing(release: Release) -> None:
    space, load = release.space, Load(release.client)
    before = {
        pod for service in SERVICES for pod in space.pods(f"app.kubernetes.io/name={service}")
    }
    load.put(ORDERS, RATE_PER_SECOND, FAULTS)

    load.wait_open("upgrade")
    space.deploy(*release.options, "--set", "settings.parkAfterAttempts=12")
    assert seen(space, "PARK_AFTER_ATTEMPTS") == {"12"}
    after = {pod for service in SERVICES for pod in space.pods(f"app.kubernetes.io/name={service}")}
    assert not before & after, "every pod was to be replaced"

    load.wait_open("rollback")
    space.helm("rollback", "brewsaga", "--wait", "--timeout", "5m")
    assert seen(space, "PARK_AFTER_ATTEMPTS") == {"10"}

    load.wait_open("the load ends")
    load.cancel_rest()
    load.wait_ends(240)
    audit(space, "upgrade")


def test_an_upgrade_keeps_every_password(release: Release) -> None:
    secrets = {one["metadata"]["name"]: one["data"] for one in release.space.get("secrets")}
    release.space.deploy(*release.options)
    again = {one["metadata"]["name"]: one["data"] for one in release.space.get("secrets")}
    ours = [name for name in secrets if not name.startswith("sh.helm.")]
    assert [name for name in ours if secrets[name] != again[name]] == []


def test_the_migrations_of_each_revision_ran_to_their_end(release: Release) -> None:
    jobs = release.space.get("jobs", "-l", "app.kubernetes.io/name=migrations")
    failed = [job["metadata"]["name"] for job in jobs if job["status"].get("failed")]
    assert jobs
    assert not failed, json.dumps([job["status"] for job in jobs])
