"""What a timeline's events mean as steps, and that the page's table is what participants say."""

from datetime import UTC, datetime, timedelta
from typing import Any

from brewsaga.graphs import CHOREOGRAPHY
from saga import contract, story
from saga.story import ANSWERS, Bar, StepState
from sagakit.core.participant import Word

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STATES = {
    Word.DONE: (contract.STEP_NAMES, StepState.OK),
    Word.REFUSED: (contract.STEP_NAMES, StepState.REFUSED),
    Word.UNDONE: (contract.UNDO_NAMES, StepState.UNDO),
}


def at(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat()


def heard(event: str, seconds: float, repeats: int = 0) -> dict[str, Any]:
    return {
        "event": event,
        "reference": "",
        "reason": "",
        "occurred_at": at(seconds),
        "heard_at": at(seconds + 1),
        "repeats": repeats,
    }


def told(event: str, source: str, target: str, seconds: float) -> dict[str, Any]:
    row = {"event": event, "source": source, "target": target}
    return {**row, "reason": "", "created_at": at(seconds)}


def choreography(*events: dict[str, Any]) -> dict[str, Any]:
    return {"mode": "choreography", "events": list(events)}


def orchestration(*events: dict[str, Any]) -> dict[str, Any]:
    return {"mode": "orchestration", "events": list(events)}


COMPENSATED = choreography(
    heard("order-requested", 0.0),
    heard("payment-completed", 0.2),
    heard("inventory-reserved", 0.3),
    heard("shipment-failed", 0.8),
    heard("inventory-released", 1.0),
    heard("payment-refunded", 1.4),
)


def rounded(bars: list[Bar]) -> list[tuple[str, str, float, float, int | None]]:
    return [
        (b.step, b.state.value, round(b.start_seconds, 3), round(b.took_seconds, 3), b.caused_by)
        for b in bars
    ]


def test_every_answer_of_a_participant_ends_the_step_that_it_owes() -> None:
    derived = {
        contract.TOPIC_BY_NAME[topic].event: (step.name, state)
        for part in CHOREOGRAPHY
        for word, topic in part.says.items()
        for names, state in (STATES[word],)
        for step in contract.STEPS
        if step.owed_by == part.service and step.name in names
    }
    assert derived == ANSWERS


def test_a_step_begins_with_the_event_that_caused_it() -> None:
    assert rounded(story.bars(story.moments(COMPENSATED))) == [
        ("payment", "ok", 0.0, 0.2, None),
        ("inventory", "ok", 0.2, 0.1, 0),
        ("shipment", "refused", 0.3, 0.5, 1),
        ("release", "undo", 0.8, 0.2, 2),
        ("refund", "undo", 1.0, 0.4, 3),
    ]


def test_a_refusal_of_inventory_causes_the_refund_without_a_release() -> None:
    known = story.moments(
        choreography(
            heard("order-requested", 0.0),
            heard("payment-completed", 0.2),
            heard("inventory-failed", 0.3),
            heard("payment-refunded", 0.9),
        )
    )
    assert rounded(story.bars(known))[-1] == ("refund", "undo", 0.3, 0.6, 1)


def test_an_event_that_was_heard_without_its_cause_is_drawn_all_the_same() -> None:
    known = story.moments(
        choreography(heard("order-requested", 0.0), heard("inventory-reserved", 0.5))
    )
    assert rounded(story.bars(known)) == [("inventory", "ok", 0.0, 0.5, None)]


def test_the_furthest_step_is_awaited_while_a_saga_is_open() -> None:
    known = story.moments(
        choreography(heard("inventory-reserved", 0.3), heard("order-requested", 0.0))
    )
    now = BEGIN + timedelta(seconds=4)
    assert rounded(story.bars(known, now))[-1] == ("shipment", "waiting", 0.3, 3.7, 0)
    assert len(story.bars(known)) == 1


def test_nothing_is_awaited_once_the_furthest_step_has_ended() -> None:
    known = story.moments(COMPENSATED)
    assert story.bars(known, BEGIN + timedelta(seconds=9)) == story.bars(known)


def test_nothing_heard_is_nothing_drawn() -> None:
    assert story.bars(story.moments(choreography()), BEGIN) == []


def test_the_orchestrators_history_is_the_same_picture_with_its_retries() -> None:
    refund = "COMPENSATING_PAYMENT"
    known = story.moments(
        orchestration(
            told("place-order", "", "AWAITING_PAYMENT", 0.0),
            told("payment-reply AUTHORIZE ok", "AWAITING_PAYMENT", "AWAITING_INVENTORY", 0.2),
            told("inventory-reply RESERVE refused", "AWAITING_INVENTORY", refund, 0.3),
            told("payment-reply REFUND refused", refund, refund, 0.4),
            told("place-order", refund, refund, 0.5),
            told("payment-reply REFUND ok", refund, "DONE/FAILED", 0.9),
        )
    )
    bars = story.bars(known)
    assert rounded(bars) == [
        ("payment", "ok", 0.0, 0.2, None),
        ("inventory", "refused", 0.2, 0.1, 0),
        ("refund", "undo", 0.3, 0.6, 1),
    ]
    assert [round(at, 3) for at in bars[-1].retries] == [0.4]


def test_an_orchestrated_saga_that_stands_awaits_its_last_target() -> None:
    known = story.moments(orchestration(told("place-order", "", "AWAITING_PAYMENT", 0.0)))
    now = BEGIN + timedelta(seconds=2)
    assert rounded(story.bars(known, now)) == [("payment", "waiting", 0.0, 2.0, None)]
