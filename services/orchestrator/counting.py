"""What the orchestrator counts of its sagas, as data for the metrics: pure, true after the commit.

The beginning and the end of a saga are counted by order, so that none is counted twice. It decides
nothing: it reads decisions. Times are by the database's clock.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from orchestrator.brew import FLOWS
from orchestrator.domain import Decision, Entry, Heard, Reply, Saga
from saga import metrics
from saga.contract import STEP_BY_STATE, STEPS, UNDO_NAMES
from sagakit.core.steps import FAILED
from sagakit.shell.metrics import LabelSet
from sagakit.shell.tally import Observation, Tally

_LONG: Final = metrics.ORCHESTRATION
_UNDOING: Final = frozenset(word.current_step for word in STEPS if word.name in UNDO_NAMES)
_MOVES: Final = {
    *((metrics.START, begun) for flow in FLOWS.values() for begun in (flow.first, FAILED)),
    *((source, target) for flow in FLOWS.values() for (source, _, _), target in flow.table.items()),
}

KNOWN: Final = {
    metrics.TRANSITIONS: tuple(
        (_LONG, source, target) for source, target in sorted(_MOVES) if source != target
    )
}


def decided(tally: Tally, heard: Heard, decision: Decision, since: dict[str, datetime]) -> None:
    """What one decision comes to. `since` is when each saga came where it is, and is kept so."""
    saga, entry = decision.saga, decision.entry
    if saga is None or entry is None or entry.source == entry.target:
        return
    tally.counted(metrics.TRANSITIONS, _LONG, entry.source or metrics.START, entry.target)
    if isinstance(heard, Reply) and saga.saga_id in since:
        seconds = (entry.created_at - since[saga.saga_id]).total_seconds()
        labels = (_LONG, _step(entry.source), heard.answer.value)
        tally.sampled(metrics.STEP_DURATION, *labels, value=seconds)
    if _turned_back(entry):
        reason = metrics.reason_label(saga.failure_reason)
        tally.counted(metrics.COMPENSATIONS, _LONG, _step(entry.source), reason)
    since[saga.saga_id] = entry.created_at


def _turned_back(entry: Entry) -> bool:
    return entry.target in _UNDOING and entry.source not in _UNDOING


def _step(state: str) -> str:
    word = STEP_BY_STATE.get(state)
    return word.name if word else ""


def said_again(sagas: Iterable[Saga]) -> list[Observation]:
    """Awaited commands that were said again: no answer came, or an undo was refused."""
    tally = Tally()
    for saga in sagas:
        reason = metrics.REFUSED if saga.attempts else metrics.SILENCE
        tally.counted(metrics.STEP_RETRIES, _LONG, _step(saga.state), reason)
    return tally.observations()


def in_flight(
    rows: Iterable[tuple[str, int, int, float]], waiting: int = 0
) -> dict[str, dict[LabelSet, float]]:
    """Gauges of open sagas, from (state, how many, how many parked, since when the oldest).

    `waiting` are those whose definition is not carried here; the rows are of the others.
    """
    counts: dict[LabelSet, float] = {(_LONG, word.name): 0.0 for word in STEPS}
    parked: dict[LabelSet, float] = {(_LONG, name): 0.0 for name in UNDO_NAMES}
    oldest: dict[LabelSet, float] = {}
    for state, count, parked_count, since in rows:
        labels = (_LONG, _step(state))
        counts[labels], oldest[labels] = count, since
        if state in _UNDOING:
            parked[labels] = parked_count
    return {
        metrics.SAGAS_IN_FLIGHT: counts,
        metrics.SAGAS_PARKED: parked,
        metrics.SAGAS_WITHOUT_DEFINITION: {(_LONG,): float(waiting)},
        metrics.OLDEST_IN_FLIGHT: oldest,
    }
