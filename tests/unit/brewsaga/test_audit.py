"""Every invariant that the audit judges is seen broken, with the saga that broke it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from brewsaga.audit import judge
from brewsaga.audit.stores import Row, Stores
from brewsaga.audit.topics import RECORD_BYTES_MAX
from saga import contract
from saga.v1 import saga_pb2 as pb
from unit.brewsaga.audited import (
    BAD,
    GOOD,
    NOW,
    PATH,
    Audited,
    Plant,
    add,
    both,
    change,
    forget_record,
    forget_row,
    letter,
    move,
    paid,
    paid_row,
    part,
    remove,
    say,
    sound,
    step,
)

EVERY = {*range(1, 22)} - {3, 5}
"""What the list of guarantees gives to the audit; 5 is judged with 4."""


def test_sound_stores_have_no_violation() -> None:
    report = sound().report()
    assert not report.violations
    assert report.quiet
    assert report.summary().startswith("audit: 0 violations (2 sagas, quiet, 19 of 19 invariants")
    assert {line.invariant for line in report.lines if not line.unseen} == EVERY
    assert all(line.looked_at for line in report.lines)


def test_what_is_not_seen_is_said() -> None:
    world = sound()
    world.outbox = {}
    report = world.report(topics=False)
    assert not report.violations
    assert {line.invariant for line in report.lines if line.unseen} == {17, 18, 19, 20}


def test_no_store_at_all_is_no_proof() -> None:
    nothing = judge(Stores((), {}), None, "saga-")
    assert {line.invariant for line in nothing.lines if not line.unseen} == {2, 4}


def test_a_saga_that_came_while_stores_were_read_is_no_violation_and_no_silence() -> None:
    """Order was read before it came, payment and inventory after."""
    world = sound()
    for table in ("orders", "order_events", "saga_state", "saga_history", "shipments"):
        world.tables[table] = [row for row in world.tables[table] if row["saga_id"] != GOOD]
    world.tables["assignments"] = []
    world.outbox["order"] = [row for row in world.outbox["order"] if row["aggregateid"] != GOOD]
    assert {one.invariant for one in world.report(topics=False).violations} >= {10, 12, 15}
    report = world.report(topics=False, came_meanwhile=1)
    assert not report.violations
    assert not report.quiet


def repeated(index: int, **fields: Any) -> Plant:
    """A second record of the same id."""
    return lambda world: world.said.append(replace(world.said[index], **fields))


def state(saga_id: str) -> Row:
    """An orchestrated saga that has just begun."""
    return {
        "saga_id": saga_id,
        "status": "RUNNING",
        "current_step": "AWAITING_PAYMENT",
        "version": 1,
        "amount_cents": 300,
        "currency": "EUR",
    }


ASKED, HALF_BACK = PATH[1], PATH[4]
version_7 = change("saga_state", BAD, version=7)


def two_minds(saga_id: str) -> Plant:
    """A payment of others says yes and no."""
    yes, no = contract.PAYMENT_COMPLETED, contract.PAYMENT_FAILED
    return both(foreign(yes, saga_id), foreign(no, saga_id))


def last_steps(*steps: Row) -> Plant:
    """Others in the place of the two last transitions."""
    gone = (remove("saga_history", BAD, version=version) for version in (5, 6))
    return both(*gone, add("saga_history", *steps))


def stopped_half_way(world: Audited) -> None:
    """A saga that has failed, and whose every word says that it awaits payment."""
    world.tables["saga_history"] = [step(BAD, 1, "", ASKED)]
    change("saga_state", BAD, version=1, current_step=ASKED)(world)


def refunded(cents: int, currency: str) -> Plant:
    """Another refund in the place of the true one."""
    other = add("ledger", *paid(BAD, "refund", cents, currency))
    return both(remove("ledger", BAD, kind="refund"), other)


def refunded_again(world: Audited) -> None:
    """A second refund, in a transaction of its own."""
    later = {"created_at": NOW + timedelta(microseconds=1)}
    world.tables["ledger"] += [dict(row) | later for row in paid(BAD, "refund")]


def released(units: int) -> Plant:
    """Other units were put back than were taken."""
    other = add("stock_moves", move(BAD, "release", units))
    return both(remove("stock_moves", BAD, kind="release"), other)


def put_aside(row: Row) -> Plant:
    return lambda world: world.letters["payment"].append(row)


def foreign(topic: contract.Topic, saga_id: str, **fields: Any) -> Plant:
    """A record of others, without headers."""
    value = getattr(pb, topic.message)(saga_id=saga_id, **fields).SerializeToString()
    return lambda world: world.hear(topic, value, saga_id)


def unacknowledged_is_gone(world: Audited) -> None:
    """Every record of one topic is lost, and the topic reads as empty."""
    world.said = [r for r in world.said if r.topic is not contract.SHIPMENT_SCHEDULED]


PLANTED = [
    (1, BAD, remove("saga_state", BAD)),
    (1, GOOD, remove("payments", GOOD)),
    (1, GOOD, change("payments", GOOD, mode="orch")),
    (1, GOOD, remove("orders", GOOD)),
    (1, GOOD, add("saga_state", state(GOOD))),
    (1, "b-1", add("batches", {"batch_id": "b-1", "placed": 3})),
    (2, GOOD, change("orders", GOOD, outcome=None)),
    (2, GOOD, change("orders", GOOD, status="FAILED", outcome="rejected")),
    (2, GOOD, change("orders", GOOD, current_step="AWAITING_PAYMENT")),
    (2, BAD, change("saga_state", BAD, status="SUCCESS")),
    (2, GOOD, change("orders", GOOD, outcome="rejected")),
    (2, BAD, change("orders", BAD, outcome=None)),
    (2, BAD, add("saga_history", step(BAD, 7, "DONE/FAILED", "AWAITING_PAYMENT"))),
    (2, BAD, add("saga_history", step(BAD, 7, "COMPENSATING_PAYMENT", "DONE/FAILED"))),
    (2, GOOD, say(contract.PAYMENT_REFUNDED, GOOD)),
    (4, "b2", add("saga_history", step("b2", 1, "", "DONE/SUCCESS"))),
    (4, BAD, change("saga_state", BAD, status="SUCCESS")),
    (4, BAD, remove("saga_history", BAD)),
    (4, BAD, stopped_half_way),
    (4, BAD, last_steps(step(BAD, 5, HALF_BACK, ASKED), step(BAD, 6, ASKED, "DONE/FAILED"))),
    (4, BAD, last_steps(step(BAD, 5, *PATH[4:6]), step(BAD, 6, ASKED, "DONE/FAILED"))),
    (4, BAD, both(last_steps(step(BAD, 5, *PATH[4:6]), step(BAD, 7, *PATH[5:])), version_7)),
    (4, BAD, change("saga_state", BAD, version=7)),
    (4, BAD, change("saga_state", BAD, flow_version=2)),
    (4, BAD, change("saga_history", BAD, flow_version=2)),
    (4, BAD, remove("saga_history", BAD, version=3)),
    (4, BAD, remove("saga_history", BAD, version=1)),
    (4, BAD, remove("saga_history", BAD, version=6)),
    (4, BAD, change("saga_history", BAD, version=1)),
    (4, BAD, remove("saga_state", BAD)),
    (4, GOOD, add("order_events", {"saga_id": GOOD, "event": "payment-refunded"})),
    (4, GOOD, say(contract.INVENTORY_RELEASED, GOOD)),
    (6, GOOD, change("shipments", GOOD, outcome="REFUSED")),
    (6, GOOD, remove("reservations", GOOD)),
    (6, GOOD, change("orders", GOOD, status="FAILED", outcome="compensated")),
    (7, BAD, change("payments", BAD, outcome="DONE")),
    (7, BAD, change("reservations", BAD, outcome="OWED")),
    (7, BAD, change("orders", BAD, outcome="rejected")),
    (8, GOOD, add("ledger", *paid(GOOD, "refund"))),
    (8, GOOD, add("stock_moves", move(GOOD, "release", 18))),
    (8, GOOD, change("payments", GOOD, outcome="OWED")),
    (8, BAD, change("shipments", BAD, outcome="DONE")),
    (9, "other", add("ledger", paid("other", "charge")[0])),
    (9, "(all)", add("ledger", paid("other", "charge")[0])),
    (9, GOOD, remove("ledger", GOOD, account="customer")),
    (10, "(all)", add("ledger", *paid("other", "charge"))),
    (10, "(all)", change("ledger", GOOD, currency="USD")),
    (11, GOOD, add("ledger", *paid(GOOD, "charge"))),
    (11, BAD, remove("ledger", BAD, kind="charge")),
    (11, BAD, remove("ledger", BAD)),
    (11, BAD, refunded(200, "EUR")),
    (11, BAD, refunded(300, "USD")),
    (11, GOOD, both(remove("ledger", GOOD), add("ledger", *paid(GOOD, "charge", -300)))),
    (11, BAD, change("payments", BAD, outcome="REFUSED")),
    (11, "other", add("ledger", *paid("other", "charge"), *paid("other", "refund"))),
    (12, GOOD, remove("ledger", GOOD)),
    (12, GOOD, change("orders", GOOD, amount_cents=301)),
    (12, BAD, change("payments", BAD, amount_cents=999)),
    (12, "other", add("ledger", *paid("other", "charge"))),
    (13, GOOD, change("stock_moves", GOOD, units=-1)),
    (13, "(stock)", lambda world: world.tables["stock"][0].update(available=-1)),
    (13, BAD, refunded(500, "EUR")),
    (14, "(stock)", remove("stock_moves", GOOD)),
    (14, "(stock)", lambda world: world.tables["stock"][0].update(available=83)),
    (15, BAD, change("reservations", BAD, outcome="DONE")),
    (15, GOOD, remove("stock_moves", GOOD)),
    (15, GOOD, change("orders", GOOD, status="FAILED", outcome="compensated")),
    (15, BAD, released(10)),
    (15, "other", add("stock_moves", move("other", "reserve", 1))),
    (16, GOOD, add("assignments", {"saga_id": GOOD, "created_at": NOW})),
    (16, "other", add("assignments", {"saga_id": "other", "created_at": NOW})),
    (16, GOOD, remove("assignments", GOOD)),
    (16, GOOD, remove("stock_moves", GOOD)),
    (16, GOOD, remove("reservations", GOOD)),
    (16, GOOD, add("shipments", dict(part(GOOD, "DONE")) | {"saga_id": "twin"})),
    (17, GOOD, say(contract.PAYMENT_COMPLETED, GOOD, payment_id="pay-2")),
    (17, GOOD, foreign(contract.INVENTORY_FAILED, GOOD, reason="out of stock")),
    (17, BAD, say(contract.SHIPMENT_REPLY, BAD, action=1, ok=True, shipment_id="ship-2")),
    (17, "x", two_minds("x")),
    (17, GOOD, change("payments", GOOD, payment_id="pay-2")),
    (17, GOOD, remove("shipments", GOOD)),
    (17, BAD, refunded_again),
    (18, GOOD, forget_row("payment", "PaymentCompleted")),
    (18, GOOD, forget_row("shipment", "ShipmentScheduled")),
    (18, GOOD, forget_row("order", "OrderRequested")),
    (18, BAD, forget_row("orchestrator", "PaymentCommand")),
    (19, GOOD, forget_row("payment", "PaymentCompleted")),
    (19, GOOD, forget_record(contract.PAYMENT_COMPLETED)),
    (19, GOOD, unacknowledged_is_gone),
    (19, GOOD, repeated(1, topic=contract.INVENTORY_RESERVED)),
    (19, GOOD, repeated(1, key="another")),
    (20, GOOD, repeated(1, value=b"other bytes")),
    (20, GOOD, lambda world: world.outbox["payment"][0].update(payload=b"other bytes")),
    (21, "(unknown)", put_aside(letter(b"noise", reason=""))),
    (21, "(unknown)", put_aside(letter(b"noise", sha256=b"other"))),
    (21, "(unknown)", put_aside(letter(b"noise", payload=b"noi"))),
    (21, "(unknown)", put_aside(letter(b"x" * 70_000, payload=b"x" * 70_000))),
    (21, "nobody", put_aside(letter(b"noise", reason="contradiction", saga_id="nobody"))),
]  # fmt: skip


@pytest.mark.parametrize(("invariant", "saga_id", "plant"), PLANTED)
def test_planted_violation_is_named_with_its_saga(
    invariant: int, saga_id: str, plant: Plant
) -> None:
    world = sound()
    plant(world)
    found = {(violation.invariant, violation.saga_id) for violation in world.report().violations}
    assert (invariant, saga_id) in found


def pruned_good(sold: int, cents: int) -> Plant:
    """The good saga was sold, and pruned long ago; `sold` and `cents` are what is left of it."""
    left = {"currency": "EUR", "sagas": 1, "sold": sold, "sold_cents": cents}

    def plant(world: Audited) -> None:
        world.tables["pruned_orders"] = [left]

    return both(remove("orders", GOOD), remove("order_events", GOOD), plant)


@pytest.mark.parametrize(
    ("sold", "cents", "broken"),
    [(1, 300, set()), (1, 301, {10, 12}), (0, 0, {10, 12, 15}), (2, 300, {15})],
)
def test_what_was_pruned_still_adds_up(sold: int, cents: int, broken: set[int]) -> None:
    world = sound()
    pruned_good(sold, cents)(world)
    world.outbox = {}
    report = world.report(topics=False)
    assert {line.invariant for line in report.lines if line.violations} == broken


def test_a_refund_of_another_amount_is_named_by_both_amounts() -> None:
    world = sound()
    refunded(200, "EUR")(world)
    texts = {v.text for v in world.report().violations if (v.invariant, v.saga_id) == (11, BAD)}
    assert "charged 300, refunded 200 cents" in texts


def test_every_invariant_is_planted() -> None:
    assert {invariant for invariant, _, _ in PLANTED} == EVERY


def test_open_saga_makes_the_ends_invisible_and_not_wrong() -> None:
    world = sound()
    change("orders", GOOD, status="RUNNING", outcome=None, current_step="AWAITING_SHIPMENT")(world)
    report = world.report()
    assert report.open_sagas == 1
    assert not report.violations


UNHEARD = [
    pb.ShipmentScheduled(shipment_id="ship-2").SerializeToString(),
    pb.ShipmentScheduled(saga_id="no saga's id", shipment_id="ship-2").SerializeToString(),
    pb.ShipmentScheduled(saga_id=BAD, shipment_id="s" * RECORD_BYTES_MAX).SerializeToString(),
    b"",
]


@pytest.mark.parametrize("value", UNHEARD)
def test_a_record_that_every_service_puts_aside_says_nothing_of_the_saga_in_its_key(
    value: bytes,
) -> None:
    world = sound()
    for topic in (contract.SHIPMENT_SCHEDULED, contract.PAYMENT_FAILED):
        world.hear(topic, value, GOOD)
        world.hear(topic, value, BAD)
    put_aside(letter(value, reason="bad_saga_id"))(world)
    report = world.report()
    assert not report.violations
    last = report.lines[-1].looked_at
    assert last == "1 dead letters: 0 of known sagas, 1 foreign; 4 records of no saga in the topics"


def test_a_dead_letter_of_a_known_saga_is_accounted_to_it() -> None:
    world = sound()
    put_aside(letter(b"x" * 70_000, reason="contradiction", saga_id=GOOD))(world)
    report = world.report()
    assert not report.violations
    assert report.lines[-1].looked_at.startswith("1 dead letters: 1 of known sagas, 0 foreign")


def test_a_duplicate_and_a_foreign_record_are_no_violation() -> None:
    world = sound()
    repeated(1)(world)
    foreign(contract.PAYMENT_COMPLETED, GOOD, payment_id="pay-good")(world)
    foreign(contract.ORDER_REQUESTED, "a-stranger")(world)
    add("payments", paid_row("fenced", "VOID"))(world)
    assert not world.report().violations
