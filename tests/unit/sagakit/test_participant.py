"""The participant, cell by cell against the contract's tables, and the rules that the tables do not
show.
"""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from sagakit.core.participant import (
    Ask,
    Facts,
    Heard,
    Outcome,
    Row,
    Undid,
    UndoFailed,
    announce,
    decide,
    evolve,
    reply,
    tried_again,
)
from unit.sagakit.tables import CHOREOGRAPHY, ORCHESTRATION, Announced, Replied

EARLIER = datetime(2026, 3, 1, tzinfo=UTC)
NOW = EARLIER + timedelta(minutes=1)
FACTS = {
    "ok": Facts(NOW, "ref-new", None, undo_fails=False),
    "refuse": Facts(NOW, "ref-new", "no", undo_fails=False),
    "fail": Facts(NOW, "ref-new", None, undo_fails=True),
}


def row_of(outcome: Outcome | None, mode: str) -> Row[str] | None:
    if outcome is None:
        return None
    reference = "" if outcome in {Outcome.REFUSED, Outcome.VOID} else "ref-old"
    return Row("s-1", mode, outcome, "terms", EARLIER, reference=reference, reason="no", version=3)


def heard(mode: str, ask: Ask, *, cancel: bool = False, reason: str = "why") -> Heard[str]:
    return Heard("s-1", mode, ask, "terms", reason=reason, cancel=cancel)


@pytest.mark.parametrize("cell", CHOREOGRAPHY, ids=str)
def test_choreography_says_the_stored_state(cell: Announced) -> None:
    row, message = row_of(cell.stored, "choreo"), heard("choreo", cell.ask, cancel=cell.cancel)

    event = decide(row, message, FACTS[cell.judgement])
    after = row if event is None else evolve(row, event, message, NOW)

    assert (None if after is None else after.outcome) == cell.after
    assert (None if after is None else announce(after)) == cell.word
    assert (event is None) == (after == row)


@pytest.mark.parametrize("cell", ORCHESTRATION, ids=str)
def test_orchestration_replies_to_the_action_asked(cell: Replied) -> None:
    row, message = row_of(cell.stored, "orch"), heard("orch", cell.ask)

    event = decide(row, message, FACTS[cell.judgement])
    after = row if event is None else evolve(row, event, message, NOW)

    assert after is not None
    answer = reply(after, cell.ask, undo_failed=isinstance(event, UndoFailed))
    assert (after.outcome, answer.ask, answer.ok) == (cell.after, cell.ask, cell.ok)
    assert cell.reason is None or answer.reason == cell.reason


def test_the_tables_have_every_cell() -> None:
    stored = (None, *Outcome)
    seen = {(cell.stored, cell.ask, cell.cancel) for cell in CHOREOGRAPHY}
    for outcome, cancel in product(stored, (False, True)):
        assert (outcome, Ask.DO, cancel) in seen
    for outcome in stored:
        assert (outcome, Ask.UNDO, False) in seen
    answered = {(cell.stored, cell.ask) for cell in ORCHESTRATION}
    without_owed = [outcome for outcome in stored if outcome is not Outcome.OWED]
    assert answered == set(product(without_owed, (Ask.DO, Ask.UNDO)))


def test_a_fence_and_a_cancel_say_why() -> None:
    fence, cancel = heard("choreo", Ask.UNDO), heard("choreo", Ask.DO, cancel=True)
    for message, reason in ((fence, "void"), (cancel, "cancelled")):
        event = decide(None, message, FACTS["ok"])
        assert event is not None
        after = evolve(None, event, message, NOW)
        assert (after.outcome, after.reason) == (Outcome.VOID, reason)


def test_what_was_done_keeps_its_reference_through_the_undo() -> None:
    do, undo = heard("choreo", Ask.DO), heard("choreo", Ask.UNDO, reason="out of stock")
    done = evolve(None, decide(None, do, FACTS["ok"]) or pytest.fail(), do, EARLIER)
    assert (done.reference, done.occurred_at) == ("ref-new", EARLIER)

    undone = evolve(done, decide(done, undo, FACTS["ok"]) or pytest.fail(), undo, NOW)

    assert (undone.reference, undone.reason, undone.occurred_at) == ("ref-new", "out of stock", NOW)


def test_an_owed_undo_keeps_its_first_cause_and_the_time_of_what_was_done() -> None:
    undo = heard("choreo", Ask.UNDO, reason="out of stock")
    done = row_of(Outcome.DONE, "choreo")
    assert done is not None
    owed = evolve(done, decide(done, undo, FACTS["fail"]) or pytest.fail(), undo, NOW)
    assert (owed.outcome, owed.reason, owed.attempts) == (Outcome.OWED, "out of stock", 1)

    insist = heard("choreo", Ask.INSIST, reason="another")
    event = decide(owed, insist, FACTS["ok"])

    assert event == Undid("out of stock")


def test_the_last_attempt_parks_and_a_parked_undo_waits_for_a_person() -> None:
    insist = heard("choreo", Ask.INSIST)
    owed = row_of(Outcome.OWED, "choreo")
    assert owed is not None
    facts = FACTS["fail"]._replace(park_after_attempts=3)

    not_yet = decide(owed._replace(attempts=1), insist, facts)
    last = decide(owed._replace(attempts=2), insist, facts)

    assert isinstance(not_yet, UndoFailed)
    assert not not_yet.parked
    assert isinstance(last, UndoFailed)
    assert last.parked
    parked = evolve(owed._replace(attempts=2), last, insist, NOW)
    assert (parked.attempts, parked.parked) == (3, True)
    assert decide(parked, insist, FACTS["ok"]) is None
    assert announce(parked) is None
    retried = tried_again(parked) or pytest.fail()
    assert (retried.outcome, retried.attempts) == (Outcome.OWED, 3), "what was counted stays"
    undone = evolve(retried, decide(retried, insist, FACTS["ok"]) or pytest.fail(), insist, NOW)
    assert (undone.outcome, undone.parked) == (Outcome.UNDONE, False)


def test_after_a_retry_it_parks_after_as_many_attempts_more() -> None:
    insist, owed = heard("choreo", Ask.INSIST), row_of(Outcome.OWED, "choreo")
    assert owed is not None
    facts = FACTS["fail"]._replace(park_after_attempts=3)
    row, parked_after = owed._replace(attempts=0), []
    for attempt in range(1, 8):
        row = evolve(row, decide(row, insist, facts) or pytest.fail(), insist, NOW)
        if row.parked:
            parked_after.append(attempt)
            row = tried_again(row) or pytest.fail()
    assert parked_after == [3, 6]


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.OWED])
def test_nothing_but_an_owed_undo_is_tried_again(outcome: Outcome) -> None:
    row = row_of(outcome, "choreo")
    assert row is not None
    assert tried_again(row) is None


def test_orchestration_counts_attempts_and_never_parks_at_the_participant() -> None:
    undo, done = heard("orch", Ask.UNDO), row_of(Outcome.DONE, "orch")
    assert done is not None
    event = decide(done._replace(attempts=99), undo, FACTS["fail"]) or pytest.fail()
    after = evolve(done._replace(attempts=99), event, undo, NOW)
    assert (after.outcome, after.attempts, after.parked) == (Outcome.DONE, 100, False)
    assert after.occurred_at == EARLIER


def test_a_row_is_never_begun_twice() -> None:
    do, undo = heard("orch", Ask.DO), heard("orch", Ask.UNDO)
    did = decide(None, do, FACTS["ok"]) or pytest.fail()
    with pytest.raises(AssertionError, match="has a row already"):
        evolve(row_of(Outcome.DONE, "orch"), did, do, NOW)
    with pytest.raises(AssertionError, match="has no row"):
        evolve(None, Undid("why"), undo, NOW)


def test_the_version_is_the_store_s() -> None:
    undo, done = heard("orch", Ask.UNDO), row_of(Outcome.DONE, "orch")
    event = decide(done, undo, FACTS["ok"]) or pytest.fail()
    assert evolve(done, event, undo, NOW).version == 3
