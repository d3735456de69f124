"""`brewsaga top`: status by step of both modes, as order's API tells it and its page shows it.

Draws, and counts nothing itself.
"""

import json
from collections.abc import Sequence
from typing import Final

from brewsaga import live, render
from brewsaga.api_client import Json, order_api
from brewsaga.errors import Exit
from saga.contract import STEPS

STEP_NAMES: Final = tuple(step.name for step in STEPS)
STATES: Final = ("moving", "stuck", "parked")
NOTHING: Final = "-"


async def top(url: str, output: str, *, once: bool) -> Exit:
    """Print the matrix, each second anew on a terminal."""
    async with order_api(url) as api:

        async def ask() -> Sequence[str]:
            told = await api.overview()
            return [json.dumps(told, indent=2)] if output == "json" else drawn(told)

        await live.show(ask, again=not once and output != "json")
    return Exit.COMPLETED


def drawn(overview: Json) -> list[str]:
    """The matrix as people read it: what is open by step, and how the youngest ended."""
    open_rows = [row for mode in overview["modes"] for row in _open_rows(mode)]
    ends = [_end_row(mode["mode"], end) for mode in overview["modes"] for end in mode["ends"]]
    last = overview["ends_of_the_last"]
    return [
        *render.table(("mode", "open", *STEP_NAMES, "all"), open_rows),
        "",
        *render.table(("mode", f"ends of the last {last}", "sagas", "p50", "p95"), ends),
    ]


def _open_rows(mode: Json) -> list[tuple[str, ...]]:
    steps = {step["step"]: step for step in mode["steps"]}
    rows = [_counts(steps, state) for state in STATES]
    ages = [steps[name]["silent_seconds"] for name in STEP_NAMES]
    longest = max((age for age in ages if age is not None), default=None)
    silent = ("silent for", *map(_seconds, ages), _seconds(longest))
    return [(mode["mode"], *row) for row in (*rows, silent)]


def _counts(steps: Json, state: str) -> tuple[str, ...]:
    counts = [int(steps[name][state]) for name in STEP_NAMES]
    return (state, *(str(count or NOTHING) for count in counts), str(sum(counts) or NOTHING))


def _end_row(mode: str, end: Json) -> tuple[str, ...]:
    times = (_seconds(end["p50_seconds"]), _seconds(end["p95_seconds"]))
    return (mode, end["outcome"], str(end["count"] or NOTHING), *times)


def _seconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds:.2f}s"
