"""What a BrewSaga's status is and what is to be done, from what is known: pure, without a clock.

Everything is decided anew from the whole, each time: what was missed, done twice or half done makes
no difference. The batch of the resource's uid is the only memory, and it is the order service's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from brewsaga_operator import duration
from brewsaga_operator.resources import BrewSagaSpec
from brewsaga_operator.statuses import (
    Condition,
    Counts,
    ExperimentPhase,
    FailureStatus,
    Phase,
    SagaStatus,
    StepStatus,
    Truth,
    conditions,
)

UNDOING: Final = frozenset({"release", "refund"})
BEFORE_THE_FAULT: Final = frozenset(
    {ExperimentPhase.PENDING, ExperimentPhase.BASELINE, ExperimentPhase.INJECTING}
)
"""Orders of a BrewSaga with chaos wait until the fault is on."""


class Action(StrEnum):
    """What the operator does for a BrewSaga."""

    MAKE_EXPERIMENT = "make its experiment"
    PLACE = "place its orders"
    CANCEL = "cancel its orders"
    DELETE = "delete it: its time to live is over"


class Saga(NamedTuple):
    """A BrewSaga as it was last seen."""

    name: str
    uid: str
    generation: int
    created_at: datetime
    spec: BrewSagaSpec
    status: SagaStatus


class Progress(NamedTuple):
    """What the order service says of the batch."""

    orders: int
    placed: int
    cancel_asked: bool
    cancelled: int
    created_at: datetime
    last_ended_at: datetime | None
    counts: Counts
    current_step: str | None = None
    owed_by: str | None = None
    steps: Sequence[StepStatus] = ()
    failures: Sequence[FailureStatus] = ()

    @property
    def ended(self) -> int:
        """Orders that have their end."""
        return self.counts.completed + self.counts.compensated + self.counts.rejected


class Experiment(NamedTuple):
    """The experiment that the operator made for this BrewSaga."""

    phase: ExperimentPhase
    verdict: str


@dataclass(frozen=True, slots=True)
class Known:
    """What was found out. Nothing is known of a batch that was not placed; `refusal` is the order
    service's word on why it cannot be, `away` why the service did not answer.
    """

    progress: Progress | None = None
    refusal: str | None = None
    away: str | None = None
    experiment: Experiment | None = None


class Milestone(NamedTuple):
    """What people are told by an event, once."""

    reason: str
    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The status as it must be, what to do, what to tell, and when to look again (None: never)."""

    status: SagaStatus
    actions: tuple[Action, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    look_again_after: timedelta | None = None


LOOK_AGAIN: Final = timedelta(seconds=1)


class Standing(NamedTuple):
    """A phase with the three conditions' reasons."""

    phase: Phase
    succeeded: Truth
    reason: str
    message: str
    is_over: bool = False


def settled(saga: Saga, now: datetime) -> Decision | None:
    """The decision where nothing more can be learnt: only its time to live is left. Else None."""
    status = saga.status
    if status.completion_time is None or _verdict_is_awaited(status):
        return None
    actions = _expiry(saga, status, now)
    due = _expires_at(saga, status)
    after = None if due is None else max(LOOK_AGAIN, due - now)
    return Decision(status, actions, look_again_after=after)


def plan(saga: Saga, known: Known, now: datetime) -> Decision:
    """Decide. The same input gives the same answer."""
    if known.refusal is not None:
        standing = Standing(Phase.FAILED, Truth.FALSE, "NotAccepted", known.refusal, is_over=True)
        return _told(saga, known, standing, now)
    if known.progress is None:
        return _not_placed(saga, known, now)
    standing = _standing(saga, known.progress, now)
    decided = _told(saga, known, standing, now)
    asks = saga.spec.cancel and not known.progress.cancel_asked
    return decided if not asks else _with(decided, Action.CANCEL)


def _not_placed(saga: Saga, known: Known, now: datetime) -> Decision:
    if saga.spec.cancel:
        message = "it was cancelled before an order was placed"
        standing = Standing(Phase.CANCELLED, Truth.FALSE, "Cancelled", message, is_over=True)
        return _told(saga, known, standing, now)
    waits = _waits_for_chaos(saga, known)
    message = known.away or waits or "its orders are about to be placed"
    decided = _told(saga, known, Standing(Phase.PENDING, Truth.UNKNOWN, "Pending", message), now)
    if saga.spec.chaos is not None and known.experiment is None:
        return _with(decided, Action.MAKE_EXPERIMENT)
    return decided if waits else _with(decided, Action.PLACE)


def _waits_for_chaos(saga: Saga, known: Known) -> str | None:
    if saga.spec.chaos is None:
        return None
    if known.experiment is None:
        return "its experiment is about to be made"
    if known.experiment.phase in BEFORE_THE_FAULT:
        return f"its experiment is {known.experiment.phase.value}; the fault is not on yet"
    return None


def _with(decision: Decision, action: Action) -> Decision:
    return Decision(
        decision.status,
        (*decision.actions, action),
        decision.milestones,
        decision.look_again_after or LOOK_AGAIN,
    )


# ---------------------------------------------------------------- where it stands


def _standing(saga: Saga, progress: Progress, now: datetime) -> Standing:
    to_end = progress.placed if progress.cancel_asked else progress.orders
    has_ended = progress.ended >= to_end and progress.placed >= to_end
    deadline = progress.created_at + duration.parse(saga.spec.timeout)
    if ((has_ended and progress.last_ended_at) or now) > deadline:
        return _timed_out(saga, progress, has_ended=has_ended)
    if has_ended:
        return _ended(progress)
    message = _owing(progress)
    counts = progress.counts
    if counts.parked and not counts.running and progress.placed >= to_end:
        text = f"{counts.parked} parked: an undo was refused again and again, and needs a person"
        return Standing(Phase.COMPENSATING, Truth.UNKNOWN, "Parked", text)
    undoing = progress.current_step in UNDOING
    phase = Phase.COMPENSATING if undoing else Phase.RUNNING
    return Standing(phase, Truth.UNKNOWN, phase.value, message)


def _timed_out(saga: Saga, progress: Progress, *, has_ended: bool) -> Standing:
    """It stays so when the orders end later: what was said of it once is never taken back."""
    told = "all have ended since" if has_ended else f"{_owing(progress)}; the orders go on"
    text = f"open after {saga.spec.timeout}: {told}"
    return Standing(Phase.TIMED_OUT, Truth.FALSE, "TimedOut", text, is_over=has_ended)


def _ended(progress: Progress) -> Standing:
    counts = progress.counts
    told = (
        f"{counts.completed} completed, {counts.compensated} compensated, "
        f"{counts.rejected} rejected"
    )
    if progress.cancelled or progress.placed < progress.orders:
        text = f"{told}; {progress.cancelled} of them cancelled, {progress.placed} were placed"
        return Standing(Phase.CANCELLED, Truth.FALSE, "Cancelled", text, is_over=True)
    if counts.completed == progress.orders:
        return Standing(Phase.COMPLETED, Truth.TRUE, "AllCompleted", told, is_over=True)
    return Standing(Phase.COMPENSATED, Truth.TRUE, "EndedConsistently", told, is_over=True)


def _owing(progress: Progress) -> str:
    open_orders = progress.counts.running + progress.counts.parked
    if progress.placed < progress.orders and not open_orders:
        return f"{progress.placed} of {progress.orders} placed"
    who = f", most wait for {progress.owed_by} in {progress.current_step}"
    return f"{open_orders} open{who if progress.owed_by else ''}"


# ---------------------------------------------------------------- what is told of it


def _told(saga: Saga, known: Known, standing: Standing, now: datetime) -> Decision:
    status = _status(saga, known, standing, now)
    return Decision(
        status,
        _expiry(saga, status, now),
        _milestones(saga, status, standing),
        _next(saga, status, standing, now),
    )


def _status(saga: Saga, known: Known, standing: Standing, now: datetime) -> SagaStatus:
    progress, before = known.progress, saga.status
    started = progress.created_at if progress else None
    completed = before.completion_time
    if standing.is_over and completed is None:
        completed = (progress.last_ended_at if progress else None) or now
    length = None if started is None else duration.told((completed or now) - started)
    return SagaStatus(
        observed_generation=saga.generation,
        phase=standing.phase,
        current_step=progress.current_step if progress else None,
        start_time=started,
        completion_time=completed,
        duration=length,
        counts=progress.counts if progress else Counts(),
        steps=list(progress.steps) if progress else [],
        failures=list(progress.failures) if progress else [],
        verdict=known.experiment.verdict if known.experiment else None,
        conditions=_conditions(saga, known, standing, now),
    )


def _conditions(saga: Saga, known: Known, standing: Standing, now: datetime) -> list[Condition]:
    has_ended = standing.is_over or standing.phase is Phase.TIMED_OUT
    if known.refusal is not None:
        accepted = (Truth.FALSE, "NotAccepted", known.refusal)
    elif known.progress is not None:
        accepted = (Truth.TRUE, "Placed", f"{known.progress.placed} of {saga.spec.orders} placed")
    else:
        accepted = (
            Truth.UNKNOWN,
            "OrderServiceAway" if known.away else "Pending",
            standing.message,
        )
    finished = Truth.TRUE if has_ended else Truth.FALSE
    return conditions(
        [
            ("Accepted", *accepted),
            ("Finished", finished, standing.reason, standing.message),
            ("Succeeded", standing.succeeded, standing.reason, standing.message),
        ],
        saga.status.conditions,
        now,
        saga.generation,
    )


def _milestones(saga: Saga, status: SagaStatus, standing: Standing) -> tuple[Milestone, ...]:
    """What has changed since the last status: each phase is told once."""
    before = saga.status.phase
    if status.phase is before:
        return ()
    told = []
    if before is Phase.PENDING and status.start_time is not None:
        told.append(Milestone("Accepted", f"{saga.spec.orders} orders, {saga.spec.mode}"))
    warns = status.phase in {Phase.FAILED, Phase.TIMED_OUT}
    if status.phase not in {Phase.PENDING, Phase.RUNNING}:
        told.append(Milestone(status.phase.value, standing.message, warns))
    return tuple(told)


def _expiry(saga: Saga, status: SagaStatus, now: datetime) -> tuple[Action, ...]:
    due = _expires_at(saga, status)
    return (Action.DELETE,) if due is not None and now >= due else ()


def _expires_at(saga: Saga, status: SagaStatus) -> datetime | None:
    lives = saga.spec.ttl_seconds_after_finished
    if lives is None or status.completion_time is None:
        return None
    return status.completion_time + timedelta(seconds=lives)


def _next(saga: Saga, status: SagaStatus, standing: Standing, now: datetime) -> timedelta | None:
    if not standing.is_over or _verdict_is_awaited(status):
        return LOOK_AGAIN
    due = _expires_at(saga, status)
    return None if due is None else max(LOOK_AGAIN, due - now)


def _verdict_is_awaited(status: SagaStatus) -> bool:
    return status.verdict == "Awaited"


def progress_of(answer: dict[str, Any]) -> Progress:
    """The order service's answer in these words. Raises KeyError or ValueError."""
    return Progress(
        orders=answer["orders"],
        placed=answer["placed"],
        cancel_asked=answer["cancel_asked"],
        cancelled=answer["cancelled"],
        created_at=datetime.fromisoformat(answer["created_at"]),
        last_ended_at=answer["last_ended_at"] and datetime.fromisoformat(answer["last_ended_at"]),
        counts=Counts(**answer["counts"]),
        current_step=answer["current_step"],
        owed_by=answer["owed_by"],
        steps=[StepStatus(**one) for one in answer["steps"]],
        failures=[FailureStatus(**one) for one in answer["failures"]],
    )


def batch_of(spec: BrewSagaSpec) -> dict[str, Any]:
    """What is PUT to the order service: the same for ever, since the spec cannot change."""
    faults = ";".join(
        f"{one.step.value}={one.fail_percent}{_delay(one.delay)}" for one in spec.faults
    )
    return {
        "mode": spec.mode.value,
        "orders": spec.orders,
        "rate_per_second": spec.rate_per_second,
        "drink": spec.brew.drink,
        "quantity": spec.brew.quantity,
        "customer_id": spec.customer,
        "amount_cents": spec.amount_cents,
        "currency": spec.currency,
        "faults": faults,
    }


def _delay(span: str | None) -> str:
    return f",delay:{duration.parse(span).total_seconds():g}s" if span else ""
