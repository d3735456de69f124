"""What `make prove` runs, in this order. A further way of proof is one more line here.

A stage is a command; it says its own progress, and another exit code than 0 fails the whole.
"""

import sys
from dataclasses import dataclass
from typing import Final

SEEDS_OF_A_BUILD: Final = 100_000


@dataclass(frozen=True, slots=True)
class Stage:
    """One way of proof."""

    name: str
    command: tuple[str, ...]


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


STAGES: Final = (
    Stage(
        "every state of two sagas on one unit, both modes",
        _python("-m", "pytest", "-q", "-s", "tests/model"),
    ),
    Stage("planted bugs", _python("-m", "mutants")),
    Stage("seeds", _python("-m", "sim", f"1..{SEEDS_OF_A_BUILD}")),
    Stage("every crash point on real servers", _python("-m", "e2e.faults", "points")),
)
