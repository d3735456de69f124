"""What one batch has to count, added up: one observation a label set, however many sagas.

Counted only once the batch is committed; so a service fills `Handled.observations` from here.
"""

from collections import Counter

Observation = tuple[str, tuple[str, ...], float]


class Tally:
    """Counters are added up; each sample of a histogram stays what it is."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._samples: list[Observation] = []

    def counted(self, name: str, *labels: str) -> None:
        """One more of a counter."""
        self._counts[name, labels] += 1

    def sampled(self, name: str, *labels: str, value: float) -> None:
        """One sample of a histogram."""
        self._samples.append((name, labels, value))

    def observations(self) -> list[Observation]:
        """All of it, as the loop takes it."""
        counts = [(name, labels, float(times)) for (name, labels), times in self._counts.items()]
        return [*counts, *self._samples]
