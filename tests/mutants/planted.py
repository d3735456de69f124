"""A planted bug as data: which text of which production file becomes which other text.

A text that is not there exactly once is an error: the bug must be planted anew, or it proves
nothing.
"""

from dataclasses import dataclass
from typing import Final

SIMULATOR: Final = "simulator"
MODEL: Final = "search"
"""The exhaustive search of two sagas, `tests/model`; other values are paths of tests."""


@dataclass(frozen=True, slots=True)
class Change:
    """`old` of `file` (under services/) becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug: what it stands for among the known failures, and by what it is caught."""

    name: str
    stands_for: str
    changes: tuple[Change, ...]
    caught_by: str = SIMULATOR


def mutant(
    name: str, stands_for: str, file: str, old: str, new: str, caught_by: str = SIMULATOR
) -> Mutant:
    """A bug of one place."""
    return Mutant(name, stands_for, (Change(file, old, new),), caught_by)
