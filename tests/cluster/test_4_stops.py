"""Each pod is deleted once, the one Kafka broker and the one Postgres too, under open orders."""

from cluster.conftest import Release
from cluster.kube import SERVICES
from cluster.load import Load, audit

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
