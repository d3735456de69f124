"""Draw timelines and tables as plain text, with an ASCII form for terminals that know no more.

Pure: data in, lines out.
"""

from collections.abc import Sequence
from typing import Final

from saga.story import Bar, Moment, StepState

BAR_COLUMNS: Final = 44
"""Width of the drawn time line, in characters."""
_ASCII_SIGNS: Final = {
    StepState.OK: "+",
    StepState.REFUSED: "x",
    StepState.UNDO: "<",
    StepState.WAITING: ".",
}


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
    return _ASCII_SIGNS[state] if ascii_only else state.sign


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
