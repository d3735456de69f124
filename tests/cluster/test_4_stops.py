"""Each pod is deleted once, the one Kafka broker and the one Postgres too, under open orders."""

import os
import random
import time

import pytest

from cluster.conftest import Release
from cluster.kube import SERVICES
from cluster.load import OPEN_MIN, Load, audit

RATE_PER_SECOND = 12.0
ORDERS = 6_000
# Half of them linger at the shipment, so that many are open at any time; some are undone.
FAULTS = "payment=3;shipment=15,delay:5s;refund=20;release=20"
KAFKA_POD = "strimzi.io/kind=Kafka,strimzi.io/broker-role=true"
POSTGRES_POD = "app.kubernetes.io/name=postgres"


def test_each_pod_may_go_once_and_nothing_is_lost(release: Release) -> None:
    space, load = release.space, Load(release.client)
    load.put(ORDERS, RATE_PER_SECOND, FAULTS)
    stops = 0
    for service in SERVICES:
        selector = f"app.kubernetes.io/name={service}"
        for pod in space.pods(selector):
            load.wait_open(f"{pod} is deleted")
            space.kubectl("delete", "pod", pod, "--wait=false")
            space.kubectl("wait", "--for=delete", f"pod/{pod}", "--timeout=90s")
            space.wait_ready(selector, 2)
            stops += 1
    for selector in (KAFKA_POD, POSTGRES_POD):
        (pod,) = space.pods(selector)
        load.wait_open(f"{pod} is deleted")
        space.kubectl("delete", "pod", pod)
        space.wait_ready(selector, 1, 180)
        stops += 1
    assert stops == 2 * len(SERVICES) + 2
    load.wait_open("the load ends")
    load.cancel_rest()
    counts = load.wait_ends(240)
    assert counts["choreo completed"] > 0
    assert counts["orch compensated"] > 0
    audit(space, "stops")


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_pods_killed_without_a_word_for_minutes_and_nothing_is_lost(release: Release) -> None:
    """Any pod at random, Kafka's and Postgres' among them, with no time to say goodbye."""
    space, load = release.space, Load(release.client)
    minutes = float(os.environ.get("BREWSAGA_E2E_MINUTES", "10"))
    selectors = [f"app.kubernetes.io/name={service}" for service in SERVICES]
    expected = dict.fromkeys(selectors, 2) | {KAFKA_POD: 1, POSTGRES_POD: 1}
    chance = random.Random(os.environ.get("BREWSAGA_E2E_SEED", "brewsaga"))  # noqa: S311 - a test
    end, kills = time.monotonic() + 60 * minutes, 0
    while time.monotonic() < end:
        if load.open_orders() < OPEN_MIN:
            load.put(1_000, RATE_PER_SECOND, FAULTS)
        selector = chance.choice(list(expected))
        pod = chance.choice(space.pods(selector))
        load.wait_open(f"{pod} is killed")
        space.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
        space.wait_ready(selector, expected[selector], 180)
        kills += 1
    assert kills >= 2 * minutes
    load.cancel_rest()
    load.wait_ends(300)
    audit(space, "kills")
