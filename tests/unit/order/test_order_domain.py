"""The life of an order: every table row of the contract, in any order of hearing."""

from itertools import permutations

import pytest

from order.domain import (
    Effect,
    Heard,
    Standing,
    Status,
    hear,
    orchestrated_outcome,
    owed_by,
    price_cents,
)
from saga import contract
from saga.contract import Outcome

HAPPY = ("order-requested", "payment-completed", "inventory-reserved", "shipment-scheduled")
UNDONE = (
    "order-requested",
    "payment-completed",
    "inventory-reserved",
    "shipment-failed",
    "inventory-released",
    "payment-refunded",
)
REASONS = {
    "shipment-failed": "no courier capacity",
    "inventory-released": "no courier capacity",
    "payment-refunded": "no courier capacity",
    "payment-failed": "card declined",
}


def told(*events: str) -> tuple[Standing, list[Effect]]:
    standing, effects = Standing(), []
    for event in events:
        standing, effect = hear(standing, Heard("s-1", event, reason=REASONS.get(event, "")))
        effects.append(effect)
    return standing, effects


def test_each_topic_moves_or_ends_an_order() -> None:
    expected = {
        "order-requested": (Status.RUNNING, "AWAITING_PAYMENT"),
        "payment-completed": (Status.RUNNING, "AWAITING_INVENTORY"),
        "payment-failed": (Status.FAILED, "DONE"),
        "payment-refunded": (Status.FAILED, "DONE"),
        "inventory-reserved": (Status.RUNNING, "AWAITING_SHIPMENT"),
        "inventory-failed": (Status.RUNNING, "COMPENSATING_PAYMENT"),
        "inventory-released": (Status.RUNNING, "COMPENSATING_PAYMENT"),
        "shipment-scheduled": (Status.SUCCESS, "DONE"),
        "shipment-failed": (Status.RUNNING, "COMPENSATING_INVENTORY"),
    }
    found = {}
    for topic in contract.heard_by("order", contract.Mode.CHOREO):
        standing, _ = told(topic.event)
        found[topic.event] = (standing.status, standing.current_step)
    assert found == expected


def test_a_delivered_order_ends_so_in_any_order_of_hearing() -> None:
    for order in permutations(HAPPY):
        standing, effects = told(*order)
        assert (standing.status, standing.outcome) == (Status.SUCCESS, Outcome.COMPLETED), order
        assert standing.failure_reason == ""
        assert effects.count(Effect.ENDED) == 1
        assert Effect.VIOLATION not in effects


def test_an_undone_order_keeps_its_reason_in_any_order() -> None:
    for order in permutations(UNDONE):
        standing, effects = told(*order)
        assert (standing.status, standing.outcome) == (Status.FAILED, Outcome.COMPENSATED), order
        assert standing.failure_reason == "no courier capacity"
        assert effects.count(Effect.ENDED) == 1


def test_the_current_step_is_that_of_the_furthest_event() -> None:
    standing, effects = told("inventory-reserved", "payment-completed", "order-requested")
    assert standing.current_step == "AWAITING_SHIPMENT"
    assert effects == [Effect.MOVED, Effect.NOTHING, Effect.NOTHING]


@pytest.mark.parametrize(
    ("first", "then", "effect"),
    [
        ("shipment-scheduled", "payment-refunded", Effect.VIOLATION),
        ("shipment-scheduled", "payment-failed", Effect.VIOLATION),
        ("payment-failed", "shipment-scheduled", Effect.VIOLATION),
        ("payment-refunded", "shipment-scheduled", Effect.VIOLATION),
        ("payment-refunded", "payment-refunded", Effect.NOTHING),
        ("shipment-scheduled", "shipment-scheduled", Effect.NOTHING),
        ("shipment-scheduled", "payment-completed", Effect.LATE),
        ("payment-refunded", "shipment-failed", Effect.LATE),
    ],
)
def test_an_end_is_never_left(first: str, then: str, effect: Effect) -> None:
    ended, _ = told(first)
    standing, effects = told(first, then)
    assert standing == ended
    assert effects == [Effect.ENDED, effect]


def test_the_first_refusals_reason_stays() -> None:
    standing = Standing()
    for event, reason in (("inventory-failed", "out of stock"), ("payment-refunded", "other")):
        standing, _ = hear(standing, Heard("s-1", event, reason=reason))
    assert standing.failure_reason == "out of stock"


def test_a_cancel_mark_that_is_heard_is_kept() -> None:
    standing, effect = hear(Standing(), Heard("s-1", "order-requested", cancel=True))
    assert standing.cancel_asked
    assert effect is Effect.MOVED


def test_what_the_orchestrator_says_becomes_an_outcome() -> None:
    assert orchestrated_outcome(Status.RUNNING, "pay-1") is None
    assert orchestrated_outcome(Status.SUCCESS, "pay-1") is Outcome.COMPLETED
    assert orchestrated_outcome(Status.FAILED, "") is Outcome.REJECTED
    assert orchestrated_outcome(Status.FAILED, "pay-1") is Outcome.COMPENSATED


def test_prices_are_by_the_cup() -> None:
    assert price_cents("", 0) == 300
    assert price_cents("flat-white", 2) == 840
    assert price_cents("geisha", 1) == 900
    assert price_cents("tea", 1) is None


def test_who_owes_the_next_step() -> None:
    for word in contract.STEPS:
        standing = Standing(current_step=word.current_step)
        assert owed_by("choreo", standing, known=False) == word.owed_by
        assert owed_by("orch", standing, known=True) == word.owed_by
    assert owed_by("orch", Standing(), known=False) == "orchestrator"
    assert owed_by("choreo", told("payment-failed")[0], known=False) is None
