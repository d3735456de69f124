"""What a BrewSaga's status is, decided from the whole: plain calls."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brewsaga_operator.plan import (
    LOOK_AGAIN,
    Action,
    Decision,
    Experiment,
    Known,
    Progress,
    Saga,
    batch_of,
    plan,
    progress_of,
    settled,
)
from brewsaga_operator.resources import BrewSagaSpec
from brewsaga_operator.statuses import Counts, ExperimentPhase, Phase, SagaStatus, Truth

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENDED = NOW + timedelta(seconds=3)


def saga(status: SagaStatus | None = None, **spec: Any) -> Saga:
    given = BrewSagaSpec.model_validate({"mode": "Choreography", "orders": 10, **spec})
    return Saga("order", "uid-1", 1, NOW, given, status or SagaStatus())


def progress(placed: int = 10, **more: Any) -> Progress:
    counts = Counts(**{name: more.pop(name) for name in Counts.model_fields if name in more})
    given = {"cancel_asked": False, "cancelled": 0, "last_ended_at": None, **more}
    return Progress(orders=10, placed=placed, created_at=NOW, counts=counts, **given)


def told(decision: Decision) -> dict[str, tuple[Truth, str]]:
    return {one.type: (one.status, one.reason) for one in decision.status.conditions}


def test_what_is_not_placed_is_placed_and_looked_at_again() -> None:
    decision = plan(saga(), Known(), NOW)
    assert decision.actions == (Action.PLACE,)
    assert decision.status.phase is Phase.PENDING
    assert decision.look_again_after == LOOK_AGAIN


def test_a_service_that_is_away_is_said_so_and_asked_again() -> None:
    decision = plan(saga(), Known(away="it does not answer"), NOW)
    assert told(decision)["Accepted"] == (Truth.UNKNOWN, "OrderServiceAway")
    assert decision.status.conditions[0].message == "it does not answer"
    assert decision.look_again_after == LOOK_AGAIN


def test_a_refusal_is_an_end_with_the_service_s_sentence() -> None:
    decision = plan(saga(), Known(refusal="drink is 'tea'"), NOW)
    assert decision.status.phase is Phase.FAILED
    assert told(decision) == {
        "Accepted": (Truth.FALSE, "NotAccepted"),
        "Finished": (Truth.TRUE, "NotAccepted"),
        "Succeeded": (Truth.FALSE, "NotAccepted"),
    }
    assert decision.actions == ()
    assert decision.look_again_after is None
    assert decision.milestones[0].is_warning


@pytest.mark.parametrize(
    ("known", "phase", "succeeded"),
    [
        (progress(running=10), Phase.RUNNING, (Truth.UNKNOWN, "Running")),
        (progress(4, completed=4), Phase.RUNNING, (Truth.UNKNOWN, "Running")),
        (
            progress(running=2, completed=8, current_step="refund"),
            Phase.COMPENSATING,
            (Truth.UNKNOWN, "Compensating"),
        ),
        (progress(parked=1, completed=9), Phase.COMPENSATING, (Truth.UNKNOWN, "Parked")),
        (progress(parked=1, running=1, completed=8), Phase.RUNNING, (Truth.UNKNOWN, "Running")),
        (progress(completed=10), Phase.COMPLETED, (Truth.TRUE, "AllCompleted")),
        (
            progress(completed=8, rejected=2),
            Phase.COMPENSATED,
            (Truth.TRUE, "EndedConsistently"),
        ),
        (progress(compensated=10), Phase.COMPENSATED, (Truth.TRUE, "EndedConsistently")),
        (
            progress(3, cancel_asked=True, completed=3),
            Phase.CANCELLED,
            (Truth.FALSE, "Cancelled"),
        ),
        (
            progress(cancel_asked=True, cancelled=1, rejected=1, completed=9),
            Phase.CANCELLED,
            (Truth.FALSE, "Cancelled"),
        ),
        (progress(cancel_asked=True, completed=10), Phase.COMPLETED, (Truth.TRUE, "AllCompleted")),
        (
            progress(cancel_asked=True, running=1, completed=9),
            Phase.RUNNING,
            (Truth.UNKNOWN, "Running"),
        ),
    ],
)
def test_where_it_stands(known: Progress, phase: Phase, succeeded: tuple[Truth, str]) -> None:
    decision = plan(saga(), Known(known), ENDED)
    assert decision.status.phase is phase
    assert told(decision)["Succeeded"] == succeeded
    is_over = phase in {Phase.COMPLETED, Phase.COMPENSATED, Phase.CANCELLED}
    assert told(decision)["Finished"][0] is (Truth.TRUE if is_over else Truth.FALSE)
    assert (decision.status.completion_time is not None) is is_over
    assert (decision.look_again_after is None) is is_over
    assert decision.status.counts == known.counts


def test_the_end_is_when_the_last_order_ended_and_stays() -> None:
    known = Known(progress(completed=10, last_ended_at=ENDED))
    first = plan(saga(), known, NOW + timedelta(hours=1)).status
    assert (first.completion_time, first.duration) == (ENDED, "3.0s")
    again = plan(saga(first), known, NOW + timedelta(hours=2)).status
    assert again == first


def test_too_late_is_an_end_that_stays_while_the_orders_go_on() -> None:
    late = NOW + timedelta(minutes=16)
    decision = plan(saga(), Known(progress(running=1, completed=9, owed_by="shipment")), late)
    assert decision.status.phase is Phase.TIMED_OUT
    assert told(decision)["Succeeded"] == (Truth.FALSE, "TimedOut")
    assert told(decision)["Finished"][0] is Truth.TRUE
    assert "shipment" in decision.status.conditions[1].message
    assert decision.look_again_after == LOOK_AGAIN
    ended = Known(progress(completed=10, last_ended_at=late))
    after = plan(saga(decision.status), ended, late + timedelta(seconds=1))
    assert after.status.phase is Phase.TIMED_OUT
    assert after.status.counts.completed == 10
    assert after.look_again_after is None


def test_an_operator_that_was_away_does_not_make_an_order_late() -> None:
    known = Known(progress(completed=10, last_ended_at=ENDED))
    assert plan(saga(), known, NOW + timedelta(days=1)).status.phase is Phase.COMPLETED


def test_a_cancel_is_asked_for_until_it_is_noted() -> None:
    wanted = saga(cancel=True)
    assert plan(wanted, Known(progress(running=10)), NOW).actions == (Action.CANCEL,)
    noted = Known(progress(running=10, cancel_asked=True))
    assert plan(wanted, noted, NOW).actions == ()


def test_what_was_cancelled_before_is_never_placed() -> None:
    decision = plan(saga(cancel=True), Known(), NOW)
    assert decision.actions == ()
    assert decision.status.phase is Phase.CANCELLED
    assert told(decision)["Finished"][0] is Truth.TRUE


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    first = plan(saga(), Known(progress(running=10)), NOW).status
    second = plan(saga(first), Known(progress(completed=10)), ENDED).status
    times = {one.type: one.last_transition_time for one in second.conditions}
    assert times == {"Accepted": NOW, "Finished": ENDED, "Succeeded": ENDED}


def test_each_phase_is_told_once() -> None:
    first = plan(saga(), Known(progress(running=10)), NOW)
    assert [one.reason for one in first.milestones] == ["Accepted"]
    assert plan(saga(first.status), Known(progress(running=9, completed=1)), NOW).milestones == ()
    last = plan(saga(first.status), Known(progress(completed=10)), NOW)
    assert [one.reason for one in last.milestones] == ["Completed"]


def test_its_time_to_live_begins_at_its_end() -> None:
    wanted = saga(ttl_seconds_after_finished=10)
    ended = plan(wanted, Known(progress(completed=10, last_ended_at=ENDED)), ENDED)
    assert ended.actions == ()
    assert ended.look_again_after == timedelta(seconds=10)
    later = saga(ended.status, ttl_seconds_after_finished=10)
    waiting = settled(later, ENDED + timedelta(seconds=4))
    assert waiting is not None
    assert (waiting.actions, waiting.look_again_after) == ((), timedelta(seconds=6))
    over = settled(later, ENDED + timedelta(seconds=10))
    assert over is not None
    assert over.actions == (Action.DELETE,)


def test_what_has_ended_is_not_looked_at_and_what_has_not_is() -> None:
    ended = plan(saga(), Known(progress(completed=10)), ENDED).status
    resting = settled(saga(ended), ENDED)
    assert resting is not None
    assert (resting.actions, resting.look_again_after) == ((), None)
    assert settled(saga(plan(saga(), Known(progress(running=10)), NOW).status), NOW) is None


# ---------------------------------------------------------------- an experiment around it

CHAOS = {"target": {"service": "payment"}, "fault": {"type": "Pause"}}


def test_its_experiment_comes_first_and_the_orders_when_the_fault_is_on() -> None:
    wanted = saga(chaos=CHAOS)
    assert plan(wanted, Known(), NOW).actions == (Action.MAKE_EXPERIMENT,)
    for phase in ExperimentPhase:
        known = Known(experiment=Experiment(phase, "Awaited"))
        waits = phase in {
            ExperimentPhase.PENDING,
            ExperimentPhase.BASELINE,
            ExperimentPhase.INJECTING,
        }
        assert plan(wanted, known, NOW).actions == (() if waits else (Action.PLACE,)), phase


def test_the_verdict_is_waited_for_after_the_orders_have_ended() -> None:
    known = Known(
        progress(completed=10), experiment=Experiment(ExperimentPhase.VERIFYING, "Awaited")
    )
    waiting = plan(saga(chaos=CHAOS), known, ENDED)
    assert waiting.look_again_after == LOOK_AGAIN
    assert settled(saga(waiting.status, chaos=CHAOS), ENDED) is None
    passed = replace(known, experiment=Experiment(ExperimentPhase.FINISHED, "Pass"))
    over = plan(saga(waiting.status, chaos=CHAOS), passed, ENDED)
    assert over.status.verdict == "Pass"
    assert over.look_again_after is None


# ---------------------------------------------------------------- the order service's words


def test_the_batch_is_what_the_spec_says() -> None:
    faults = [{"step": "shipment", "failPercent": 30}, {"step": "refund", "delay": "1m30s"}]
    spec = saga(faults=faults, ratePerSecond=2.5, brew={"drink": "geisha", "quantity": 2}).spec
    batch = batch_of(spec)
    assert batch["faults"] == "shipment=30;refund=0,delay:90s"
    assert (batch["orders"], batch["rate_per_second"]) == (10, 2.5)
    assert (batch["drink"], batch["quantity"], batch["amount_cents"]) == ("geisha", 2, None)


def test_the_answer_is_read() -> None:
    answer = {
        "orders": 2,
        "placed": 2,
        "cancel_asked": False,
        "cancelled": 0,
        "created_at": NOW.isoformat(),
        "last_ended_at": None,
        "counts": {"running": 1, "completed": 0, "compensated": 0, "rejected": 1, "parked": 0},
        "current_step": "payment",
        "owed_by": "payment",
        "steps": [
            {"name": "payment", "done": 0, "refused": 1, "compensated": 0, "p50_ms": 4, "p99_ms": 4}
        ],
        "failures": [{"saga_id": "s", "step": "payment", "reason": "card declined"}],
    }
    read = progress_of(answer)
    assert (read.ended, read.steps[0].p50_ms, read.failures[0].saga_id) == (1, 4, "s")
