"""The long proof in slices: which one is next, and how much of what it aims at is done.

Pure: what was done is read from the rows that earlier slices left. A slice is its number: the same
number is the same faults, and one that was broken off left no row and is done again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from proof import Row

SLICE: Final = "slice"
"""The detail of a row that names its slice."""

PAIRS_A_SLICE: Final = 60
LONG_SECONDS: Final = 300.0

TARGETS: Final = {
    "pairs of crash points at random": 500,
    "pairs of crash points within a handler": 468,
    "kills of a service": 1_000,
    "kills of Postgres": 100,
    "kills of a broker": 50,
    "wipes": 10,
    "orders": 100_000,
}
"""At least so many, summed over what begins with these words."""


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of slice. With neither pairs nor anything else, orders under faults."""

    random_pairs: int = 0
    pairs_within: int = 0
    wipes: int = 0
    brokers: int = 1


PLAN: Final = (
    Step(),
    Step(pairs_within=PAIRS_A_SLICE),
    Step(wipes=2),
    Step(random_pairs=PAIRS_A_SLICE),
    Step(brokers=3),
    Step(pairs_within=PAIRS_A_SLICE),
)
"""Taken in turn."""


def step_of(number: int) -> Step:
    """What slice `number` (from 0) is."""
    return PLAN[number % len(PLAN)]


def within_of(number: int) -> tuple[int, int]:
    """Which of a handler's pairs slice `number` tries: where the slices before it ended."""
    begin = sum(step_of(earlier).pairs_within for earlier in range(number))
    return begin, begin + step_of(number).pairs_within


def next_slice(rows: Iterable[Row]) -> int:
    """The first number that left no row."""
    done = {row.details[SLICE] for row in rows if SLICE in row.details}
    number = 0
    while number in done:
        number += 1
    return number


def progress(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each target: how much of it is done."""
    for what, target in TARGETS.items():
        found = [row for row in rows if row.what.startswith(what) and SLICE in row.details]
        count = sum(row.count for row in found if not row.what.startswith("orders that"))
        yield f"{what}: {count:,} of {target:,}"
