"""How the steps of a batch's orders went, from what was heard of them: pure.

Both modes are told in the same words: a step is done or refused, and it is compensated when its
service has undone it. It must not know where the numbers come from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final, NamedTuple

from order.counting import ENDS_STEP
from saga import metrics
from saga.contract import STEP_NAMES, STEPS, UNDO_NAMES

FAILURES_MAX: Final = 10
"""Failures that are named; the others are in the numbers."""

PARKED: Final = "the undo was refused and waits for a person"

OWNED: Final = {word.owed_by: word.name for word in STEPS if word.name in STEP_NAMES}
UNDOES: Final = {word.name: OWNED[word.owed_by] for word in STEPS if word.name in UNDO_NAMES}
"""Which step an undo takes back: that of the service that owes both."""


class Failure(NamedTuple):
    """An order that did not go its way."""

    saga_id: str
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class StepsTold:
    """What is known of many sagas' steps: (step, outcome, milliseconds of each) and failures."""

    times: Sequence[tuple[str, str, Sequence[int]]] = ()
    failures: Sequence[Failure] = ()


@dataclass(slots=True)
class StepCount:
    """One step of all orders of a batch."""

    name: str
    done: int = 0
    refused: int = 0
    compensated: int = 0
    times_ms: list[int] = field(default_factory=list)

    def told(self) -> dict[str, object]:
        """As the API says it."""
        self.times_ms.sort()
        return {
            "name": self.name,
            "done": self.done,
            "refused": self.refused,
            "compensated": self.compensated,
            "p50_ms": percentile(self.times_ms, 50),
            "p99_ms": percentile(self.times_ms, 99),
        }


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The nearest rank of sorted numbers; None of none."""
    return ordered[ceil(len(ordered) * percent / 100) - 1] if ordered else None


def of_events(heard: Iterable[tuple[str, Sequence[int]]]) -> list[tuple[str, str, Sequence[int]]]:
    """Choreographed events (name, milliseconds since the one before) as ends of steps."""
    return [(*ENDS_STEP[event], times) for event, times in heard if event in ENDS_STEP]


def summed(told: Iterable[StepsTold]) -> tuple[list[StepCount], list[Failure]]:
    """Each step in order, and the first failures."""
    counts = {name: StepCount(name) for name in STEP_NAMES}
    failures: dict[str, Failure] = {}
    for one in told:
        for step, outcome, times in one.times:
            _add(counts[UNDOES.get(step, step)], step, outcome, times)
        for failure in one.failures:
            failures.setdefault(failure.saga_id, failure)
    return list(counts.values()), list(failures.values())[:FAILURES_MAX]


def _add(count: StepCount, step: str, outcome: str, times: Sequence[int]) -> None:
    if step != count.name:
        count.compensated += len(times)
        return
    if outcome == metrics.OK:
        count.done += len(times)
    else:
        count.refused += len(times)
    count.times_ms += times
