"""Shipment's own rules: a courier by hash, and none where none is on duty."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from saga.terms import Terms
from sagakit.core.chance import Odds
from sagakit.core.participant import Ask, Heard, Outcome, Row
from shipment.domain import NO_COURIER_CAPACITY, Dispatcher

NOW = datetime(2026, 5, 1, tzinfo=UTC)
COURIERS = ("ada", "grace", "katherine", "radia")


def dispatcher(*couriers: str) -> Dispatcher:
    return Dispatcher(NOW, Odds("shipment", "", "seed"), lambda: "ship-1", couriers)


def row(saga_id: str) -> Row[Terms]:
    return Row(saga_id, "orch", Outcome.DONE, Terms(), NOW)


def test_nobody_on_duty_is_a_refusal() -> None:
    heard = Heard("s", "orch", Ask.DO, Terms())
    assert dispatcher().refusal(heard) == NO_COURIER_CAPACITY
    assert dispatcher("ada").refusal(heard) is None


def test_couriers_share_the_work_and_a_saga_keeps_its_own() -> None:
    here = dispatcher(*COURIERS)
    sent = [here.did(row(f"saga-{number}")).courier_id for number in range(400)]
    again = [here.did(row(f"saga-{number}")).courier_id for number in range(400)]
    assert sent == again
    assert min(Counter(sent)[courier] for courier in COURIERS) > 50


def test_an_undo_is_a_broken_invariant() -> None:
    with pytest.raises(AssertionError, match="cannot be undone"):
        dispatcher("ada").undo_fails(row("s"))
    with pytest.raises(AssertionError, match="cannot be undone"):
        dispatcher("ada").undid(row("s"))
