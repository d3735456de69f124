"""Draw timelines and tables as plain text, with an ASCII form for terminals that know no more.

Pure: data in, lines out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from brewsaga.graphs import CHOREOGRAPHY
from saga import contract
from sagakit.core.participant import Word

BAR_COLUMNS: Final = 44
"""Width of the drawn time line, in characters."""


class StepState(Enum):
    """How a step came out, as the timeline marks it."""

    OK = "ok"
    REFUSED = "refused"
    UNDO = "undo"
    WAITING = "waiting"


_MARKS: Final = {
    StepState.OK: ("✔", "+"),
    StepState.REFUSED: ("✖", "x"),
    StepState.UNDO: ("↩", "<"),
    StepState.WAITING: ("…", "."),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of a saga: when it began after the saga's beginning, and how long it took."""

    step: str
    state: StepState
    start_seconds: float
    took_seconds: float


_STATES: Final = {
    Word.DONE: (contract.STEP_NAMES, StepState.OK),
    Word.REFUSED: (contract.STEP_NAMES, StepState.REFUSED),
    Word.UNDONE: (contract.UNDO_NAMES, StepState.UNDO),
}
ANSWERS: Final = {
    contract.TOPIC_BY_NAME[topic].event: (step.name, state)
    for part in CHOREOGRAPHY
    for word, topic in part.says.items()
    for names, state in (_STATES[word],)
    for step in contract.STEPS
    if step.owed_by == part.service and step.name in names
}
"""Which step an event closes, and how."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of a timeline, of either mode.

    `step` and `state` are None where no step ends with it.
    """

    at: datetime
    event: str
    step: str | None = None
    state: StepState | None = None
    reference: str = ""
    reason: str = ""
    repeats: int = 0


def moments(timeline: Mapping[str, Any]) -> list[Moment]:
    """The API's timeline of either mode, in the order of the times at which its sayers say it
    happened.
    """
    read = _told if timeline["mode"] == contract.Mode.ORCH.long else _heard
    return sorted((read(row) for row in timeline["events"]), key=lambda moment: moment.at)


def _heard(row: Mapping[str, Any]) -> Moment:
    """An event of a choreography."""
    step, state = ANSWERS.get(row["event"], (None, None))
    at = datetime.fromisoformat(row["occurred_at"] or row["heard_at"])
    return Moment(at, row["event"], step, state, row["reference"], row["reason"], row["repeats"])


def _told(row: Mapping[str, Any]) -> Moment:
    """A transition of an orchestrated saga: it ends the step that its source awaits, or tries an
    undo once more.
    """
    at = datetime.fromisoformat(row["created_at"])
    event = f"{row['event']} → {row['target']}"
    word = contract.STEP_BY_STATE.get(row["source"])
    if word is None or row["source"] == row["target"]:
        return Moment(at, event, reason=row["reason"])
    if word.name in contract.UNDO_NAMES:
        state = StepState.UNDO
    else:
        state = StepState.OK if row["event"].endswith(" ok") else StepState.REFUSED
    return Moment(at, event, word.name, state, reason=row["reason"])


def bars(known: Sequence[Moment]) -> list[Bar]:
    """The steps in the order of a saga; one begins where the one before ended."""
    if not known:
        return []
    begin = before = known[0].at
    drawn: list[Bar] = []
    for moment in known:
        if moment.step is not None and moment.state is not None:
            start, took = (before - begin).total_seconds(), (moment.at - before).total_seconds()
            drawn.append(Bar(moment.step, moment.state, start, max(0.0, took)))
            before = moment.at
    return drawn


def waterfall(drawn: Sequence[Bar], *, ascii_only: bool) -> list[str]:
    """The steps under one another against one time line."""
    total = max((bar.start_seconds + bar.took_seconds for bar in drawn), default=0.0) or 1.0
    block = "#" if ascii_only else "█"
    lines = [f"{'STEP':<11}{'STATE':<11}{'START':>8} {'TOOK':>8}   TIMELINE"]
    for bar in drawn:
        offset = round(bar.start_seconds / total * (BAR_COLUMNS - 1))
        length = max(1, round(bar.took_seconds / total * (BAR_COLUMNS - offset)))
        state = f"{mark(bar.state, ascii_only=ascii_only)} {bar.state.value}"
        lines.append(
            f"{bar.step:<11}{state:<11}{f'+{bar.start_seconds:.2f}s':>8} "
            f"{f'{bar.took_seconds:.2f}s':>8}   {' ' * offset}{block * length}"
        )
    return lines


def mark(state: StepState, *, ascii_only: bool) -> str:
    """The sign of a step's state."""
    return _MARKS[state][1 if ascii_only else 0]


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Left-aligned columns under their names, numbers to the right; two spaces between."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [
        max([len(name), *(len(row[index]) for row in cells)]) for index, name in enumerate(columns)
    ]
    numeric = [
        bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        for index in range(len(columns))
    ]
    lines = [[name.upper() for name in columns], *cells]
    return [
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    ]


def cell(value: object) -> str:
    """A value as people read it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.2f}"
        case _:
            return str(value)


def events_table(known: Sequence[Moment]) -> list[str]:
    """Every event of a saga with its time from the first, what it refers to and why."""
    if not known:
        return ["nothing was heard of it yet"]
    rows = [
        (
            f"+{(moment.at - known[0].at).total_seconds():.3f}s",
            moment.event,
            moment.reference,
            moment.reason,
            moment.repeats or "",
        )
        for moment in known
    ]
    return table(("at", "event", "reference", "reason", "repeats"), rows)


def outcome_word(status: str, outcome: str | None) -> str:
    """How an order stands, in one word of the API's vocabulary."""
    return contract.Outcome(outcome).value if outcome else status.lower()
