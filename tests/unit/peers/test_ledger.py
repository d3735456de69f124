import threading
from collections.abc import Iterator

import pytest

from peers.ledger import FOR_EVER, OK, REFUSED, UNWELL, Fault, Kind, Ledger
from peers.steps import Action

CHARGE, SHIP, REFUND = Action.CHARGE, Action.SHIP, Action.REFUND


@pytest.fixture
def happened() -> list[tuple[Kind, str]]:
    return []


@pytest.fixture
def ledger(tmp_path, happened) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger", lambda kind, saga: happened.append((kind, saga)))
    yield made
    made.close()


def test_a_key_that_is_known_is_answered_and_not_done_again(ledger):
    assert [ledger.answer(CHARGE, "s") for _ in range(3)] == [OK, OK, OK]
    assert ledger.effects("s") == [CHARGE]
    assert ledger.calls("s") == [CHARGE] * 3


def test_a_refusal_stays(ledger):
    ledger.arm("s", [Fault(SHIP, Kind.REFUSE)])
    assert [ledger.answer(SHIP, "s") for _ in range(2)] == [REFUSED, REFUSED]
    assert ledger.effects("s") == []


def test_a_failing_participant_does_nothing_until_it_is_well(ledger):
    ledger.arm("s", [Fault(CHARGE, Kind.FAIL, 2)])
    assert ledger.happened("s") == set()
    assert [ledger.answer(CHARGE, "s") for _ in range(3)] == [UNWELL, UNWELL, OK]
    assert ledger.happened("s") == {Kind.FAIL}


def test_what_fails_for_ever_is_mended(ledger):
    ledger.answer(CHARGE, "s")
    ledger.arm("s", [Fault(REFUND, Kind.FAIL, FOR_EVER)])
    assert {ledger.answer(REFUND, "s") for _ in range(50)} == {UNWELL}
    ledger.mend("s")
    assert ledger.answer(REFUND, "s") == OK


@pytest.mark.parametrize(
    ("kind", "effects"),
    [
        (Kind.KILL_BEFORE, []),
        (Kind.KILL_AFTER, [CHARGE]),
        (Kind.KILL_ALL_AFTER, [CHARGE]),
        (Kind.LOSE, [CHARGE]),
    ],
)
def test_who_is_killed_is_not_answered(ledger, happened, kind, effects):
    ledger.arm("s", [Fault(CHARGE, kind)])
    assert ledger.answer(CHARGE, "s") is None
    assert ledger.effects("s") == effects
    assert happened == ([] if kind is Kind.LOSE else [(kind, "s")])
    assert ledger.answer(CHARGE, "s") == OK


def test_of_two_calls_with_one_key_the_second_waits_for_the_first(ledger):
    ledger.arm("s", [Fault(CHARGE, Kind.LATE, 1, 0.2)])
    answers: list[int | None] = []
    calls = [
        threading.Thread(target=lambda: answers.append(ledger.answer(CHARGE, "s")))
        for _ in range(2)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert answers == [OK, OK]
    assert ledger.effects("s") == [CHARGE]


def test_an_undo_of_nothing_moves_nothing_and_bars_nothing(ledger):
    assert ledger.answer(REFUND, "s") == OK
    assert ledger.answer(CHARGE, "s") == OK
    assert ledger.effects("s") == [CHARGE]


def test_a_fence_bars_what_was_undone_before(tmp_path, happened):
    fenced = Ledger(tmp_path / "ledger", lambda *told: happened.append(told), fence=True)
    assert fenced.answer(REFUND, "s") == OK
    assert fenced.answer(CHARGE, "s") == REFUSED
    assert fenced.effects("s") == []
    fenced.close()
