"""What order counts of sagas, as data for the metrics: pure, and true once the batch is committed.

It decides nothing: it reads what an event did to an order. Times are those of hearing, by the
database's clock, since the clocks of others may differ.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from order.domain import DONE, Heard, Standing
from order.store_follow import Ended
from order.store_orders import NewOrder
from saga import contract, metrics
from saga.contract import STEP_BY_STATE, STEPS, UNDO_NAMES, Mode, Outcome
from saga.story import ANSWERS, StepState
from sagakit.shell.metrics import LabelSet
from sagakit.shell.tally import Observation, Tally

_LONG: Final = metrics.CHOREOGRAPHY
ENDS_STEP: Final = {
    event: (step, metrics.REFUSED if state is StepState.REFUSED else metrics.OK)
    for event, (step, state) in ANSWERS.items()
}
"""Which step an event ends, and how."""

_TRIGGER: Final = {
    contract.INVENTORY_FAILED.event: "inventory",
    contract.SHIPMENT_FAILED.event: "shipment",
    contract.INVENTORY_RELEASED.event: "shipment",
}
"""At which step a saga turned back, by the first event of turning back that is heard of it."""

_FIRST: Final = STEPS[0].current_step
_UNDOING: Final = frozenset(word.current_step for word in STEPS if word.name in UNDO_NAMES)
_STATE: Final = {word.name: word.current_step for word in STEPS}
_PATHS: Final = (
    (metrics.START, _STATE["payment"]),
    (_STATE["payment"], _STATE["inventory"]),
    (_STATE["inventory"], _STATE["shipment"]),
    (_STATE["shipment"], f"{DONE}/SUCCESS"),
    (_STATE["payment"], f"{DONE}/FAILED"),
    (_STATE["inventory"], _STATE["refund"]),
    (_STATE["shipment"], _STATE["release"]),
    (_STATE["release"], _STATE["refund"]),
    (_STATE["refund"], f"{DONE}/FAILED"),
)
"""The transitions that are heard where events come in order."""

KNOWN: Final = {metrics.TRANSITIONS: tuple((_LONG, *path) for path in _PATHS)}


def started(tally: Tally, mode: Mode) -> None:
    """An order was placed or adopted."""
    tally.counted(metrics.SAGAS_STARTED, mode.long)
    if mode is Mode.CHOREO:
        tally.counted(metrics.TRANSITIONS, mode.long, metrics.START, _FIRST)


def ended(tally: Tally, mode: Mode, outcome: str, seconds: float) -> None:
    """An end was recorded."""
    tally.counted(metrics.SAGAS_FINISHED, mode.long, outcome)
    tally.sampled(metrics.SAGA_DURATION, mode.long, outcome, value=seconds)


def placed(orders: Sequence[NewOrder]) -> list[Observation]:
    """Orders that were placed here, in either mode."""
    tally = Tally()
    for order in orders:
        started(tally, order.mode)
    return tally.observations()


def told(ends: Sequence[Ended]) -> list[Observation]:
    """Ends that the orchestrator told."""
    tally = Tally()
    for end in ends:
        ended(tally, Mode.ORCH, end.outcome, end.duration_seconds)
    return tally.observations()


def said_again(orders: Iterable[tuple[Mode, str]]) -> list[Observation]:
    """Orders (mode and current step) that were said again because nothing was heard."""
    tally = Tally()
    for mode, current_step in orders:
        tally.counted(metrics.STEP_RETRIES, mode.long, _step(current_step), metrics.SILENCE)
    return tally.observations()


def violated(tally: Tally) -> None:
    """The opposite end was heard of an order that has its end."""
    tally.counted(metrics.VIOLATIONS, _LONG, metrics.ONE_END)


def moved(
    tally: Tally, before: Standing, after: Standing, heard: Heard, in_step_seconds: float
) -> None:
    """A choreographed order left its step by what was heard."""
    source, target = before.current_step, after.current_step
    if target == DONE:
        target = f"{DONE}/{after.status.value}"
    tally.counted(metrics.TRANSITIONS, _LONG, source, target)
    step, outcome = ENDS_STEP.get(heard.event, ("", ""))
    if step == _step(source):  # else a later event was heard first, and this step's time is unknown
        tally.sampled(metrics.STEP_DURATION, _LONG, step, outcome, value=in_step_seconds)
    if source not in _UNDOING and _turned_back(after):
        trigger = _TRIGGER.get(heard.event, _step(source))
        reason = metrics.reason_label(after.failure_reason)
        tally.counted(metrics.COMPENSATIONS, _LONG, trigger, reason)


def _turned_back(after: Standing) -> bool:
    return after.current_step in _UNDOING or after.outcome is Outcome.COMPENSATED


def _step(current_step: str) -> str:
    word = STEP_BY_STATE.get(current_step)
    return word.name if word else ""


def in_flight(
    rows: Iterable[tuple[str, int, float]],
) -> dict[str, dict[LabelSet, float]]:
    """Gauges of open choreographed orders, from (current step, how many, since when the oldest)."""
    counts: dict[LabelSet, float] = {(_LONG, word.name): 0.0 for word in STEPS}
    oldest: dict[LabelSet, float] = {}
    for current_step, count, since in rows:
        counts[_LONG, _step(current_step)] = count
        oldest[_LONG, _step(current_step)] = since
    return {metrics.SAGAS_IN_FLIGHT: counts, metrics.OLDEST_IN_FLIGHT: oldest}
