"""What the orchestrator counts of its sagas: a move once, the time in a step whole."""

from datetime import datetime, timedelta

from orchestrator.counting import KNOWN, decided, in_flight, said_again
from orchestrator.domain import Heard
from sagakit.shell.tally import Observation, Tally
from unit.observed import counts, samples
from unit.orchestrator.stories import (
    AUTHORIZE,
    BEGIN,
    REFUND,
    RELEASE,
    RESERVE,
    SCHEDULE,
    Story,
    ok,
    place,
    refused,
)

MODE = "orchestration"
NO_COURIER = (
    place(),
    ok(AUTHORIZE),
    ok(RESERVE),
    refused(SCHEDULE, "no courier capacity"),
)


def heard(*messages: Heard) -> list[Observation]:
    """Each message a second after the one before."""
    story, tally = Story(), Tally()
    since: dict[str, datetime] = {}
    for message in messages:
        decided(tally, message, story.hear(message).last, since)
    return tally.observations()


def test_a_cascade_is_counted_step_by_step() -> None:
    seen = heard(*NO_COURIER, ok(RELEASE), ok(REFUND))
    assert samples(seen, "step_duration_seconds") == {
        (MODE, "payment", "ok"): [1.0],
        (MODE, "inventory", "ok"): [1.0],
        (MODE, "shipment", "refused"): [1.0],
        (MODE, "release", "ok"): [1.0],
        (MODE, "refund", "ok"): [1.0],
    }
    triggered = {(MODE, "shipment", "no_courier_capacity"): 1.0}
    assert counts(seen, "compensations_triggered_total") == triggered
    moves = counts(seen, "transitions_total")
    assert moves[MODE, "START", "AWAITING_PAYMENT"] == 1.0
    assert moves[MODE, "COMPENSATING_PAYMENT", "DONE/FAILED"] == 1.0
    assert sum(moves.values()) == 6.0
    assert not counts(seen, "sagas_started_total")
    assert not counts(seen, "sagas_finished_total")


def test_a_refused_undo_stays_in_its_step_and_its_time_goes_on() -> None:
    seen = heard(*NO_COURIER, refused(RELEASE), refused(RELEASE), ok(RELEASE))
    assert samples(seen, "step_duration_seconds")[MODE, "release", "ok"] == [3.0]
    assert sum(counts(seen, "transitions_total").values()) == 5.0


def test_what_changes_nothing_is_no_move() -> None:
    twice = [one for message in NO_COURIER for one in (message, message)]
    assert counts(heard(*twice), "transitions_total") == counts(
        heard(*NO_COURIER), "transitions_total"
    )


def test_a_cancel_turns_back_where_it_takes_effect() -> None:
    seen = heard(place(), place(cancel=True), ok(AUTHORIZE))
    triggered = {(MODE, "payment", "cancelled"): 1.0}
    assert counts(seen, "compensations_triggered_total") == triggered


def test_an_order_cancelled_before_it_began_has_moved_once() -> None:
    moves = counts(heard(place(cancel=True)), "transitions_total")
    assert moves == {(MODE, "START", "DONE/FAILED"): 1.0}
    assert set(moves) <= set(KNOWN["transitions_total"])


def test_the_moves_of_a_cascade_were_known() -> None:
    moves = counts(heard(*NO_COURIER, ok(RELEASE), ok(REFUND)), "transitions_total")
    assert set(moves) <= set(KNOWN["transitions_total"])


def test_an_undo_is_said_again_for_another_reason_than_silence() -> None:
    silent = Story().hear(*NO_COURIER).row
    stubborn = Story().hear(*NO_COURIER, refused(RELEASE)).row
    assert counts(said_again([silent, silent, stubborn]), "step_retries_total") == {
        (MODE, "release", "silence"): 2.0,
        (MODE, "release", "refused"): 1.0,
    }


def test_parked_sagas_are_a_gauge_of_their_own() -> None:
    gauges = in_flight([("COMPENSATING_PAYMENT", 5, 2, 17.0), ("AWAITING_PAYMENT", 1, 0, 18.0)])
    parked = {(MODE, "release"): 0.0, (MODE, "refund"): 2}
    assert gauges["sagas_parked"] == parked
    assert gauges["sagas_in_flight"][MODE, "refund"] == 5
    assert gauges["sagas_in_flight"][MODE, "shipment"] == 0.0
    oldest = {(MODE, "refund"): 17.0, (MODE, "payment"): 18.0}
    assert gauges["oldest_in_flight_saga_timestamp_seconds"] == oldest


def test_a_saga_loaded_from_its_row_has_its_time_from_there() -> None:
    story, tally = Story().hear(place()), Tally()
    story.saga = story.row._replace(updated_at=BEGIN)
    story.now = BEGIN + timedelta(seconds=9)
    decided(tally, ok(AUTHORIZE), story.hear(ok(AUTHORIZE)).last, {"s": BEGIN})
    assert samples(tally.observations(), "step_duration_seconds") == {
        (MODE, "payment", "ok"): [10.0]
    }
