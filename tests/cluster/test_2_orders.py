"""Orders of both modes, with every kind of fault, and the audit's verdict."""

from cluster.conftest import Release
from cluster.load import Load, audit

ORDERS = 500
FAULTS = "payment=10;inventory=10;shipment=15;refund=20;release=20"


def test_500_orders_in_each_mode_with_faults_come_to_their_ends(release: Release) -> None:
    load = Load(release.client)
    load.put(ORDERS, None, FAULTS)
    counts = load.wait_ends(240)
    for mode in ("choreo", "orch"):
        ends = {name.partition(" ")[2]: n for name, n in counts.items() if name.startswith(mode)}
        assert sum(ends.values()) == ORDERS
        # The same seed and rates: about a tenth is declined, and about a fifth of the rest undone.
        assert 20 <= ends["rejected"] <= 90
        assert 60 <= ends["compensated"] <= 190
        assert ends["completed"] >= 250


def test_the_audit_in_the_cluster_finds_no_violation(release: Release) -> None:
    text = audit(release.space, "orders")
    assert "19 of 19 invariants judged" in text
