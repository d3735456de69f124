"""Draw timelines and tables as plain text, with an ASCII form for terminals that know no more. Pure: data in, lines out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, assert_never

from saga import contract

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
    """One step of a saga: when it began and how long it took, in seconds from the saga's beginning."""

    step: str
    state: StepState
    start_seconds: float
    took_seconds: float


ANSWERS: Final = {
    "payment-completed": ("payment", StepState.OK),
    "payment-failed": ("payment", StepState.REFUSED),
    "inventory-reserved": ("inventory", StepState.OK),
    "inventory-failed": ("inventory", StepState.REFUSED),
    "shipment-scheduled": ("shipment", StepState.OK),
    "shipment-failed": ("shipment", StepState.REFUSED),
    "inventory-released": ("release", StepState.UNDO),
    "payment-refunded": ("refund", StepState.UNDO),
}
"""Which step an event closes, and how."""


def bars(events: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """The steps of a timeline. An event has `event` and `at` (ISO 8601); a step begins where the one before ended."""
    known = {str(row["event"]): datetime.fromisoformat(row["at"]) for row in events if row["at"]}
    if not known:
        return []
    begin = min(known.values())
    drawn: list[Bar] = []
    before = begin
    order = [word.name for word in contract.STEPS]
    closing = sorted(
        (name for name in known if name in ANSWERS), key=lambda name: order.index(ANSWERS[name][0])
    )
    for name in closing:
        step, state = ANSWERS[name]
        start = (before - begin).total_seconds()
        took = max(0.0, (known[name] - before).total_seconds())
        drawn.append(Bar(step, state, start, took))
        before = max(before, known[name])
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
    cells = [[_cell(value) for value in row] for row in rows]
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


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.2f}"
        case _:
            return str(value)


def events_table(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every event of a saga with its time from the first, what it refers to and why."""
    known = [row for row in events if row["at"]]
    if not known:
        return ["nothing was heard of it yet"]
    times = [datetime.fromisoformat(row["at"]) for row in known]
    begin = min(times)
    ordered = sorted(zip(times, known, strict=True), key=lambda pair: pair[0])
    rows = [
        (
            f"+{(at - begin).total_seconds():.3f}s",
            row["event"],
            row.get("reference", ""),
            row.get("reason", ""),
            row.get("repeats") or "",
        )
        for at, row in ordered
    ]
    return table(("at", "event", "reference", "reason", "repeats"), rows)


def outcome_word(status: str, outcome: str | None) -> str:
    """How an order stands, in one word of the API's vocabulary."""
    match contract.Outcome(outcome) if outcome else None:
        case None:
            return status.lower()
        case contract.Outcome.COMPLETED | contract.Outcome.REJECTED | contract.Outcome.COMPENSATED as word:
            return word.value
        case unknown:
            assert_never(unknown)
