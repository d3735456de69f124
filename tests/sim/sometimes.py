"""Vacuity: what must have been seen in a run of many seeds, or the run has proved nothing of it.

A floor is the least share of seeds in which it happened, about a third of what was measured.
"""

from collections import Counter

SEEDS_FOR_FLOORS = 1_000
"""In fewer seeds chance alone could stay below a floor."""
DELIVERIES_MEDIAN_MIN, FAULTS_MEDIAN_MIN = 60, 5

FLOORS = {
    **dict.fromkeys(
        ("crash", "crash in hand", "commit unknown", "database error", "deadlock"), 0.12
    ),
    "process slow": 0.15,
    **dict.fromkeys(("message lost", "message doubled", "message delayed", "rewind"), 0.12),
    **dict.fromkeys(("rebalance overlap", "acknowledgement lost", "produce failed"), 0.1),
    **dict.fromkeys(("outage", "clock off", "clock jumps", "poison", "cancel asked"), 0.15),
    **dict.fromkeys(
        ("broker amnesia", "process stopped", "stray undo", "stray undo of a final row"), 0.06
    ),
    **dict.fromkeys(("payment DONE", "payment REFUSED", "payment UNDONE"), 0.2),
    **dict.fromkeys(("inventory DONE", "inventory REFUSED", "inventory UNDONE"), 0.1),
    **dict.fromkeys(("shipment DONE", "shipment REFUSED"), 0.1),
    **dict.fromkeys(("payment OWED", "payment VOID", "inventory VOID"), 0.03),
    "inventory OWED": 0.015,
    **dict.fromkeys(("orders SUCCESS", "orders FAILED"), 0.2),
    **dict.fromkeys(("saga_state SUCCESS", "saga_state FAILED"), 0.1),
    "retried by a person": 0.06,
    "dead letter contradiction": 0.1,
    "dead letter crash_loop": 0.02,
    **dict.fromkeys(
        (f"dead letter {why}" for why in ("undecodable", "empty", "null_value", "oversized")), 0.02
    ),
    "dead letter bad_saga_id": 0.02,
}


def below_floor(seen: Counter[str], seeds: int) -> list[str]:
    """What was seen too rarely; nothing is said of a run that is too short."""
    if seeds < SEEDS_FOR_FLOORS:
        return []
    return [
        f"{what}: in {seen[what]} of {seeds} seeds, at least {floor:.1%} are needed"
        for what, floor in FLOORS.items()
        if seen[what] < floor * seeds
    ]
