from datetime import UTC, datetime

import pytest

from brewsaga.audit import judge
from brewsaga.audit.stores import Stores

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD, BAD = "good", "bad"


def tables():
    """A delivered choreographed order, and an orchestrated one undone from its last step."""
    order = {"amount_cents": 300, "currency": "EUR", "batch_id": None}
    state = {"saga_id": BAD, "status": "FAILED", "current_step": "DONE"} | order
    path = ["", "AWAITING_PAYMENT", "AWAITING_INVENTORY", "AWAITING_SHIPMENT"]
    path += ["COMPENSATING_INVENTORY", "COMPENSATING_PAYMENT", "DONE/FAILED"]
    good = {"saga_id": GOOD, "mode": "choreo", "status": "SUCCESS", "outcome": "completed"}
    bad = {"saga_id": BAD, "mode": "orch", "status": "FAILED", "outcome": "compensated"}
    return {
        "orders": [good | order, bad | order],
        "batches": [],
        "order_events": [
            {"saga_id": GOOD, "event": event}
            for event in ("payment-completed", "inventory-reserved", "shipment-scheduled")
        ],
        "saga_state": [state],
        "saga_history": [
            {"saga_id": BAD, "version": n, "source": path[n - 1], "target": path[n]}
            for n in range(1, len(path))
        ],
        "payments": [outcome(GOOD, "DONE"), outcome(BAD, "UNDONE")],
        "reservations": [outcome(GOOD, "DONE"), outcome(BAD, "UNDONE")],
        "shipments": [outcome(GOOD, "DONE", shipment_id="s1"), outcome(BAD, "REFUSED")],
        "assignments": [{"saga_id": GOOD, "created_at": NOW}],
        "stock": [{"ingredient": "beans", "available": 82, "reserved": 18}],
        "stock_moves": [
            move("initial", "initial", 100),
            move(GOOD, "reserve", 18),
            move(BAD, "reserve", 18),
            move(BAD, "release", 18),
        ],
        "ledger": [*paid(GOOD, "charge"), *paid(BAD, "charge"), *paid(BAD, "refund")],
    }


def outcome(saga_id, word, shipment_id=""):
    return {"saga_id": saga_id, "outcome": word, "shipment_id": shipment_id}


def move(saga_id, kind, units):
    row = {"saga_id": saga_id, "kind": kind, "ingredient": "beans", "units": units}
    return row | {"created_at": NOW}


def paid(saga_id, kind, cents=300):
    sign = 1 if kind == "charge" else -1
    row = {"saga_id": saga_id, "kind": kind, "currency": "EUR", "created_at": NOW}
    return [
        row | {"account": "shop", "amount_cents": sign * cents},
        row | {"account": "customer", "amount_cents": -sign * cents},
    ]


def report(found):
    seen = ("order", "orchestrator", "shipment", "inventory", "payment")
    return judge(Stores(seen, found, {}, {"payment": []}), None, "saga-")


def change(table, saga_id, **fields):
    def plant(found):
        found[table] = [row | fields if row["saga_id"] == saga_id else row for row in found[table]]

    return plant


def add(table, *rows):
    return lambda found: found[table].extend(rows)


def remove(table, saga_id):
    def plant(found):
        found[table] = [row for row in found[table] if row["saga_id"] != saga_id]

    return plant


def test_sound_stores_have_no_violation_and_what_is_not_seen_is_said():
    sound = report(tables())
    assert not sound.violations
    assert sound.quiet
    assert sound.summary().startswith("audit: 0 violations (2 sagas, quiet")
    assert {line.invariant for line in sound.lines if line.unseen} == {17, 18, 19, 20}


def test_no_store_at_all_is_no_proof():
    nothing = judge(Stores((), {}), None, "saga-")
    assert {line.invariant for line in nothing.lines if not line.unseen} == {2, 4}


PLANTED = [
    (1, remove("saga_state", BAD)),
    (2, change("orders", GOOD, outcome=None)),
    (
        4,
        add(
            "saga_history", {"saga_id": "b2", "version": 1, "source": "", "target": "DONE/SUCCESS"}
        ),
    ),
    (4, add("order_events", {"saga_id": GOOD, "event": "payment-refunded"})),
    (6, change("shipments", GOOD, outcome="REFUSED")),
    (7, change("payments", BAD, outcome="DONE")),
    (8, add("ledger", *paid(GOOD, "refund"))),
    (9, add("ledger", paid("other", "charge")[0])),
    (10, add("ledger", *paid("other", "charge"))),
    (11, add("ledger", *paid(GOOD, "charge"))),
    (12, remove("ledger", GOOD)),
    (13, change("stock_moves", GOOD, units=-1)),
    (14, remove("stock_moves", GOOD)),
    (15, change("reservations", BAD, outcome="DONE")),
    (16, add("assignments", {"saga_id": GOOD, "created_at": NOW})),
]


@pytest.mark.parametrize(("invariant", "plant"), PLANTED)
def test_planted_violation_is_named(invariant, plant):
    found = tables()
    plant(found)
    assert invariant in {violation.invariant for violation in report(found).violations}


def test_open_saga_makes_the_ends_invisible_and_not_wrong():
    found = tables()
    change("orders", GOOD, status="RUNNING", outcome=None)(found)
    open_report = report(found)
    assert open_report.open_sagas == 1
    assert not open_report.violations
