"""What `make prove` runs. A further way of proof is one more line here.

A stage is a command; it says its own progress, and another exit code than 0 fails the whole.
"""

import sys
from dataclasses import dataclass
from typing import Final

SEEDS_OF_A_BUILD: Final = 100_000


@dataclass(frozen=True, slots=True)
class Stage:
    """One way of proof. `counted` finds in what it says how much of `what` it has tried."""

    name: str
    what: str
    counted: str
    command: tuple[str, ...]


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


POINTS: Final = Stage(
    "every crash point on real servers",
    "crash points",
    r"^([\d,]+) trials, ",
    _python("-m", "e2e.faults", "points"),
)
"""Mostly waits: for a process to start, for one to die, for what is said again."""

COMPUTED: Final = (
    Stage(
        "every state of two sagas on one unit, both modes",
        "tests of the model",
        r"^(\d+) passed",
        _python("-m", "pytest", "-q", "-s", "tests/model"),
    ),
    Stage("planted bugs", "bugs", r"^(\d+) of \d+ planted bugs", _python("-m", "mutants")),
    Stage("seeds", "seeds", r"^([\d,]+) seeds, ", _python("-m", "sim", f"1..{SEEDS_OF_A_BUILD}")),
)
"""Each takes all cores that it is given."""
