"""What an audit says: one line an invariant, each with how much it looked at, or why it cannot be
seen from there.

A check that looked at nothing proves nothing, so a line without its count does not exist. Knows no
store and no topic.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

VIOLATIONS_PRINTED_MAX: Final = 20
"""Violations of one invariant that are printed; the rest is counted."""


UNKNOWN_SAGA: Final = "(unknown)"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: which invariant (number of the list of guarantees), which saga, what is
    wrong.
    """

    invariant: int
    saga_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One invariant's result.

    `unseen` says why it could not be judged; then `looked_at` is empty.
    """

    invariant: int
    title: str
    looked_at: str
    violations: tuple[Violation, ...] = ()
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole audit.

    `quiet` is whether no saga was open, which the invariants of the end need.
    """

    lines: tuple[Line, ...]
    sagas: int
    open_sagas: int
    seen: tuple[str, ...]

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every violation, in the order of the invariants."""
        return tuple(v for line in self.lines for v in line.violations)

    @property
    def quiet(self) -> bool:
        """No open saga."""
        return self.open_sagas == 0

    def summary(self) -> str:
        """The last line, which scripts look for: `audit: 0 violations (n sagas, …)`."""
        judged = sum(1 for line in self.lines if not line.unseen)
        state = "quiet" if self.quiet else f"{self.open_sagas} open"
        return (
            f"audit: {len(self.violations)} violations ({self.sagas} sagas, {state}, "
            f"{judged} of {len(self.lines)} invariants judged; seen: {', '.join(self.seen)})"
        )

    def text(self) -> list[str]:
        """The report for people, a line an invariant, violations under theirs, the summary last."""
        out: list[str] = []
        for line in self.lines:
            sign = "?" if line.unseen else ("x" if line.violations else "ok")
            detail = f"cannot be seen from here: {line.unseen}" if line.unseen else line.looked_at
            out.append(f"{sign:>2}  {line.invariant:>2}  {line.title}: {detail}")
            shown = line.violations[:VIOLATIONS_PRINTED_MAX]
            out += [f"        invariant {v.invariant} saga {v.saga_id}: {v.text}" for v in shown]
            if len(line.violations) > len(shown):
                out.append(f"        … and {len(line.violations) - len(shown)} more")
        return [*out, self.summary()]


class Findings:
    """Collects what one check finds, with the count of what it looked at."""

    def __init__(self, invariant: int, title: str) -> None:
        self.invariant = invariant
        self.title = title
        self._found: list[Violation] = []

    def expect(self, truth: object, saga_id: str, text: str) -> None:
        """Note a violation unless `truth` holds."""
        if not truth:
            self._found.append(Violation(self.invariant, saga_id or UNKNOWN_SAGA, text))

    def line(self, looked_at: str) -> Line:
        """The result, with how much was looked at."""
        return Line(self.invariant, self.title, looked_at, tuple(self._found))


def unseen(invariant: int, title: str, why: str) -> Line:
    """A line for what cannot be judged from here."""
    return Line(invariant, title, "", (), why)


def missing(needed: Iterable[str], seen: Iterable[str]) -> str:
    """Which of the `needed` stores are not among the `seen`, as a reason; empty if none."""
    absent = [name for name in needed if name not in set(seen)]
    return f"no {', '.join(absent)} database was given" if absent else ""
