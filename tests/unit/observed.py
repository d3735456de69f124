"""Reads observations in tests. Knows no metric."""

from collections.abc import Iterable

from sagakit.shell.metrics import LabelSet
from sagakit.shell.tally import Observation


def counts(seen: Iterable[Observation], name: str) -> dict[LabelSet, float]:
    """A counter's label sets; each may occur once in what a batch observes."""
    found: dict[LabelSet, float] = {}
    for one, labels, value in seen:
        if one == name:
            assert labels not in found, f"{name} {labels} is not added up"
            found[labels] = value
    return found


def samples(seen: Iterable[Observation], name: str) -> dict[LabelSet, list[float]]:
    """A histogram's samples by label set, rounded to milliseconds."""
    found: dict[LabelSet, list[float]] = {}
    for one, labels, value in seen:
        if one == name:
            found.setdefault(labels, []).append(round(value, 3))
    return found
