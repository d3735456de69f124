"""The contract's table of the orchestrator, told as stories."""

import pytest

from orchestrator.brew import FLOW
from orchestrator.domain import Effect, Policy, outcome, tried_again
from saga.contract import Outcome
from saga.terms import Terms
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.steps import Answer, Status
from unit.orchestrator.stories import (
    AUTHORIZE,
    COMMANDS,
    REFUND,
    RELEASE,
    RESERVE,
    SCHEDULE,
    Story,
    ok,
    place,
    refused,
)

DELIVERED = (place(), ok(AUTHORIZE, "pay-1"), ok(RESERVE, "res-1"), ok(SCHEDULE, "ship-1"))
NO_COURIER = (*DELIVERED[:3], refused(SCHEDULE, "no courier capacity"))

CONTRACT = [
    # state, ok, ok while cancel is asked, refused: copied from the contract by hand
    ("AWAITING_PAYMENT", "AWAITING_INVENTORY", "COMPENSATING_PAYMENT", "DONE/FAILED"),
    ("AWAITING_INVENTORY", "AWAITING_SHIPMENT", "COMPENSATING_INVENTORY", "COMPENSATING_PAYMENT"),
    ("AWAITING_SHIPMENT", "DONE/SUCCESS", "DONE/SUCCESS", "COMPENSATING_INVENTORY"),
    ("COMPENSATING_INVENTORY", "COMPENSATING_PAYMENT", "COMPENSATING_PAYMENT", None),
    ("COMPENSATING_PAYMENT", "DONE/FAILED", "DONE/FAILED", None),
]
WAY_TO = {
    "AWAITING_PAYMENT": DELIVERED[:1],
    "AWAITING_INVENTORY": DELIVERED[:2],
    "AWAITING_SHIPMENT": DELIVERED[:3],
    "COMPENSATING_INVENTORY": NO_COURIER,
    "COMPENSATING_PAYMENT": (*NO_COURIER, ok(RELEASE)),
}


def test_all_goes_well() -> None:
    story = Story().hear(*DELIVERED)
    assert story.said == [AUTHORIZE, RESERVE, SCHEDULE]
    assert story.row.state == "DONE/SUCCESS"
    assert story.row.references == {
        "payment": "pay-1",
        "inventory": "res-1",
        "shipment": "ship-1",
    }
    assert story.row.failure_reason == ""
    assert story.row.last_event == "shipment-reply SCHEDULE ok"
    assert outcome(story.row.where.status, story.row.last_event) is Outcome.COMPLETED


def test_a_declined_card_owes_nothing() -> None:
    story = Story().hear(place(), refused(AUTHORIZE, "card declined"))
    assert story.said == [AUTHORIZE]
    assert story.row.state == "DONE/FAILED"
    assert story.row.failure_reason == "card declined"
    assert outcome(story.row.where.status, story.row.last_event) is Outcome.REJECTED


def test_no_stock_refunds() -> None:
    story = Story().hear(place(), ok(AUTHORIZE, "pay-1"), refused(RESERVE, "out of stock"))
    assert story.said[-1] == REFUND
    story.hear(ok(REFUND, "refund-9"))
    assert story.row.state == "DONE/FAILED"
    assert story.row.failure_reason == "out of stock"
    assert story.row.references["payment"] == "pay-1"
    assert outcome(story.row.where.status, story.row.last_event) is Outcome.COMPENSATED


def test_no_courier_releases_and_then_refunds() -> None:
    story = Story().hear(*NO_COURIER, ok(RELEASE), ok(REFUND))
    assert story.said == [AUTHORIZE, RESERVE, SCHEDULE, RELEASE, REFUND]
    assert story.row.failure_reason == "no courier capacity"


def test_a_refusal_without_a_word_has_a_reason_all_the_same() -> None:
    assert Story().hear(place(), refused(AUTHORIZE, "")).row.failure_reason == "refused"


@pytest.mark.parametrize(("state", "after_ok", "after_ok_with_cancel", "after_refused"), CONTRACT)
def test_the_compiled_table_is_the_contracts(
    state: str, after_ok: str, after_ok_with_cancel: str, after_refused: str | None
) -> None:
    awaited = FLOW.states[state].awaits
    assert awaited is not None
    for cancel, after in ((False, after_ok), (True, after_ok_with_cancel)):
        marks = (place(cancel=True),) if cancel else ()
        story = Story().hear(*WAY_TO[state], *marks, ok(awaited))
        assert story.row.state == after
        assert story.last.say == FLOW.states[after].awaits
    for cancel in (False, True):
        assert FLOW.table[state, Answer.REFUSED, cancel] == (after_refused or state)


@pytest.mark.parametrize("state", WAY_TO)
@pytest.mark.parametrize("answer", [ok, refused])
def test_only_the_awaited_participant_and_action_count(state: str, answer: object) -> None:
    before = Story().hear(*WAY_TO[state])
    row, said = before.row, list(before.said)
    for command in COMMANDS:
        if command == row.where.awaits:
            continue
        before.hear(answer(command))  # type: ignore[operator]
        assert before.saga is row
        assert before.last.effect is Effect.DUPLICATE
        assert before.last.entry is None
    assert before.said == said


@pytest.mark.parametrize("end", [DELIVERED, (place(), refused(AUTHORIZE)), (place(cancel=True),)])
def test_an_end_is_final(end: tuple[object, ...]) -> None:
    story = Story().hear(*end)  # type: ignore[arg-type]
    row, said = story.row, list(story.said)
    for command in COMMANDS:
        story.hear(ok(command, "other"), refused(command))
    story.hear(place(), place(cancel=True))
    assert story.saga is row
    assert story.said == said
    assert set(story.effects[len(end) :]) == {Effect.LATE}


def test_a_reply_for_an_unknown_saga_is_late_and_begins_nothing() -> None:
    story = Story().hear(ok(AUTHORIZE, "pay-1"), refused(RESERVE))
    assert story.saga is None
    assert story.effects == [Effect.LATE, Effect.LATE]


def test_placing_again_changes_nothing() -> None:
    story = Story().hear(place())
    row = story.row
    story.hear(place(), place())
    assert story.saga is row
    assert story.said == [AUTHORIZE]
    assert story.effects[1:] == [Effect.DUPLICATE, Effect.DUPLICATE]


def test_an_order_out_of_bounds_begins_so_that_payment_can_refuse_it() -> None:
    terms = Terms(amount_cents=-5, customer_id="x" * 10_000)
    assert Story().hear(place(terms=terms)).said == [AUTHORIZE]
    assert Story().hear(place(terms=Terms())).said == [AUTHORIZE]


@pytest.mark.parametrize(
    "other", [Terms(amount_cents=351, currency="EUR"), Terms(amount_cents=350, currency="USD")]
)
def test_another_amount_or_currency_is_poison_even_with_a_cancel(other: Terms) -> None:
    for end in (DELIVERED[:1], DELIVERED):
        story = Story().hear(*end)
        with pytest.raises(Poison) as poison:
            story.hear(place(terms=other, cancel=True))
        assert poison.value.reason is Reason.CONTRADICTION
        assert story.row.cancel_asked is False


def test_cancelled_before_it_began() -> None:
    story = Story().hear(place(cancel=True))
    assert story.said == []
    assert story.row.where.status is Status.FAILED
    assert story.row.failure_reason == "cancelled"
    assert story.row.references == {}
    assert outcome(story.row.where.status, story.row.last_event) is Outcome.REJECTED


def test_a_cancel_waits_for_the_next_answer() -> None:
    story = Story().hear(place(), place(cancel=True))
    assert (story.row.state, story.row.cancel_asked) == ("AWAITING_PAYMENT", True)
    assert story.said == [AUTHORIZE]
    story.hear(ok(AUTHORIZE, "pay-1"))
    assert (story.said[-1], story.row.failure_reason) == (REFUND, "cancelled")
    assert story.row.references == {"payment": "pay-1"}
    story.hear(ok(REFUND))
    assert (story.row.state, story.row.failure_reason) == ("DONE/FAILED", "cancelled")


def test_a_cancel_loses_against_shipped() -> None:
    story = Story().hear(*DELIVERED[:3], place(cancel=True), ok(SCHEDULE, "ship-1"))
    assert (story.row.state, story.row.failure_reason) == ("DONE/SUCCESS", "")


def test_a_refusal_goes_before_a_cancel_in_the_reason() -> None:
    story = Story().hear(place(), place(cancel=True), refused(AUTHORIZE, "card declined"))
    assert story.row.failure_reason == "card declined"


def test_a_cancel_is_noted_once() -> None:
    story = Story().hear(place(), place(cancel=True), place(cancel=True), place())
    assert story.effects == [
        Effect.CHANGED,
        Effect.CHANGED,
        Effect.DUPLICATE,
        Effect.DUPLICATE,
    ]
    assert story.row.version == 2


def test_a_refused_refund_stays_says_nothing_and_parks() -> None:
    story = Story(Policy(park_after_attempts=3)).hear(
        place(), ok(AUTHORIZE, "pay-1"), refused(RESERVE, "out of stock")
    )
    said = list(story.said)
    story.hear(refused(REFUND, "try again"), refused(REFUND, "try again"))
    assert story.row.attempts == 2
    assert story.row.parked_at is None
    story.hear(refused(REFUND, "try again"))
    assert story.row.attempts == 3
    assert story.row.parked_at == story.now
    parked = story.row
    story.hear(refused(REFUND, "try again"))
    assert story.saga is parked
    assert story.said == said
    assert story.row.where.status is Status.RUNNING
    assert story.row.failure_reason == "out of stock"


def test_a_person_moves_a_parked_saga_on_and_its_attempts_stay_counted() -> None:
    story = Story(Policy(park_after_attempts=2)).hear(*NO_COURIER, *[refused(RELEASE)] * 2)
    parked = story.row
    decision = tried_again(parked, "asked", story.now)
    assert decision.saga is not None
    assert decision.entry is not None
    assert (decision.saga.parked_at, decision.saga.attempts) == (None, 2)
    assert decision.saga.state == parked.state
    assert (decision.entry.event, decision.entry.version) == ("retry", parked.version + 1)
    assert decision.entry.source == decision.entry.target == parked.state
    again = tried_again(decision.saga, "asked", story.now)
    assert (again.saga, again.entry) == (decision.saga, None)
    story.saga = decision.saga
    assert story.hear(refused(RELEASE)).row.parked_at is None
    assert story.hear(refused(RELEASE)).row.parked_at == story.now


def test_a_parked_saga_moves_when_it_is_done_after_all() -> None:
    story = Story(Policy(park_after_attempts=1)).hear(*NO_COURIER, refused(RELEASE))
    assert story.row.parked_at is not None
    moved = story.hear(ok(RELEASE)).row
    assert moved.attempts == 0
    assert moved.parked_at is None
    assert story.said[-1] == REFUND


def test_each_change_is_one_version_and_one_entry_and_the_entries_are_a_path() -> None:
    story = Story().hear(*NO_COURIER, place(cancel=True), refused(RELEASE), ok(RELEASE), ok(REFUND))
    entries = [decision.entry for decision in story.decisions if decision.entry is not None]
    assert [entry.version for entry in entries] == list(range(1, len(entries) + 1))
    assert story.row.version == len(entries)
    assert entries[0].source == ""
    assert [entry.source for entry in entries[1:]] == [entry.target for entry in entries[:-1]]
    assert [entry.event for entry in entries] == [
        "place-order",
        "payment-reply AUTHORIZE ok",
        "inventory-reply RESERVE ok",
        "shipment-reply SCHEDULE refused",
        "place-order cancel",
        "inventory-reply RELEASE refused",
        "inventory-reply RELEASE ok",
        "payment-reply REFUND ok",
    ]
