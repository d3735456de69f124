"""Bounds and contradictions of an order, and the order in which a participant judges."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from saga.contract import DEFAULT_TOPIC_PREFIX, SAGA_ID_PATTERN, Mode, consumer_group
from saga.judgement import EXPIRED, common_refusal
from saga.terms import NO_TERMS, Terms, contradiction, out_of_bounds
from sagakit.core.chance import Odds

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LUCKY = Odds("payment", "refund", "seed")
UNLUCKY = replace(LUCKY, fail_rate=1.0)
GOOD = Terms(customer_id="ada", amount_cents=300, currency="EUR", drink="espresso", quantity=1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount_cents": 0}, "amount_cents"),
        ({"amount_cents": -1}, "amount_cents"),
        ({"amount_cents": 100_000_001}, "amount_cents"),
        ({"quantity": 1_001}, "quantity"),
        ({"customer_id": "x" * 257}, "customer_id"),
        ({"currency": "x" * 257}, "currency"),
        ({"drink": "x" * 257}, "drink"),
        ({"faults": "x" * 257}, "faults"),
    ],
)
def test_what_is_out_of_bounds_is_named_with_its_bound(
    change: dict[str, object], field: str
) -> None:
    said = out_of_bounds(GOOD._replace(**change))  # type: ignore[arg-type]
    assert said is not None
    assert said.startswith(f"{field} ")
    assert "must be" in said


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"amount_cents": 1},
        {"amount_cents": 100_000_000},
        {"amount_cents": None},
        {"quantity": 0},
        {"quantity": 1_000},
        {"customer_id": ""},
        {"faults": "x" * 256},
    ],
)
def test_the_bounds_themselves_are_inside(change: dict[str, object]) -> None:
    assert out_of_bounds(GOOD._replace(**change)) is None  # type: ignore[arg-type]


def test_what_is_unknown_contradicts_nothing() -> None:
    assert contradiction(GOOD, NO_TERMS) is None
    assert contradiction(NO_TERMS, GOOD) is None
    assert contradiction(GOOD, GOOD._replace(customer_id="another")) is None


@pytest.mark.parametrize("change", [{"amount_cents": 301}, {"currency": "USD"}])
def test_another_amount_or_currency_contradicts(change: dict[str, object]) -> None:
    said = contradiction(GOOD, GOOD._replace(**change))  # type: ignore[arg-type]
    assert said is not None
    assert said.startswith(next(iter(change)))


def test_bounds_go_before_the_deadline_and_the_deadline_before_faults() -> None:
    past = GOOD._replace(deadline=NOW - timedelta(seconds=1))

    def judged(terms: Terms, odds: Odds) -> str | None:
        return common_refusal("s-1", terms, now=NOW, odds=odds, unlucky_word="card declined")

    assert judged(past._replace(amount_cents=0), UNLUCKY) == out_of_bounds(
        past._replace(amount_cents=0)
    )
    assert judged(past, UNLUCKY) == EXPIRED
    assert judged(GOOD._replace(deadline=NOW), LUCKY) == EXPIRED
    assert judged(GOOD._replace(deadline=NOW + timedelta(seconds=1)), UNLUCKY) == "card declined"
    assert judged(GOOD, LUCKY) is None


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("orch", Mode.ORCH),
        ("ORCH", Mode.ORCH),
        ("Orchestration", Mode.ORCH),
        ("choreo", Mode.CHOREO),
        ("choreography", Mode.CHOREO),
        ("Choreography", Mode.CHOREO),
    ],
)
def test_every_written_form_of_a_mode_is_taken(text: str, mode: Mode) -> None:
    assert Mode.parse(text) is mode


def test_an_unknown_mode_is_refused_with_what_it_may_be() -> None:
    with pytest.raises(ValueError, match="must be choreo or orch"):
        Mode.parse("both")
    assert (Mode.CHOREO.long, Mode.ORCH.long) == ("choreography", "orchestration")


def test_a_group_is_named_by_prefix_service_and_mode() -> None:
    assert consumer_group(DEFAULT_TOPIC_PREFIX, "payment", Mode.CHOREO) == "saga-payment-choreo"


@pytest.mark.parametrize(
    ("text", "good"),
    [("a", True), ("A-1" * 21, True), ("x" * 65, False), ("", False), ("a b", False), ("ü", False)],
)
def test_a_saga_id_is_checked_whole(text: str, good: bool) -> None:
    assert bool(SAGA_ID_PATTERN.fullmatch(text)) is good
