"""Named places at which a process dies where it was told to, so that dying there can be tried.

There is one before and one after each commit and each publish, and a test of the architecture
fails where one is missing. A process that was told nothing (all but those of a test) does nothing
at any of them. Knows no topic and no handler: whoever passes a point says who it is.
"""

import os
import re
import signal
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sagakit.shell.outbox import OutboxRow
from sagakit.shell.ports import Record


class Point(StrEnum):
    """Where a process may be told to die. `…-decided` and `…-written` are before the commit."""

    BATCH_DECIDED = "batch-decided"
    BATCH_COMMITTED = "batch-committed"
    BATCH_PUBLISHED = "batch-published"
    ASIDE_WRITTEN = "aside-written"
    """Dead letters, or messages that were counted before work, are in the open transaction."""
    HAND_DECIDED = "hand-decided"
    HAND_COMMITTED = "hand-committed"
    """An attempt is counted, and nothing of the work is begun."""
    TRANSACTION_WRITTEN = "transaction-written"
    """Placing, cancelling, what is said again: rows and messages are in the open transaction."""
    TRANSACTION_COMMITTED = "transaction-committed"
    TRANSACTION_PUBLISHED = "transaction-published"
    GIVEN = "given"
    """The producer has the messages in its queue; whether Kafka has them nobody knows."""
    SETTLE_DECIDED = "settle-decided"
    """Kafka has acknowledged messages whose rows are still there."""
    SETTLE_COMMITTED = "settle-committed"
    SWEEP_CHOSEN = "sweep-chosen"
    SWEEP_PUBLISHED = "sweep-published"
    OFFSETS_DUE = "offsets-due"
    OFFSETS_SENT = "offsets-sent"
    ENTER_WRITTEN = "enter-written"
    """A worker's row is in the open transaction, that of a dead one removed."""
    ENTER_COMMITTED = "enter-committed"
    SEEN_DUE = "seen-due"
    SEEN_COMMITTED = "seen-committed"
    LEAVE_DUE = "leave-due"
    """In an orderly stop, when all else is done."""
    LEAVE_COMMITTED = "leave-committed"
    RECORD_DECIDED = "record-decided"
    """What another service told is about to be stored."""
    RECORD_COMMITTED = "record-committed"
    INTAKE_DECIDED = "intake-decided"
    """What was asked for by itself, without a message of its own, is about to be stored."""
    INTAKE_COMMITTED = "intake-committed"


Who = str | Callable[[], Collection[str]]
"""Who passes: a name, or how to find the names, which costs nothing unless a process is armed."""

FORM: Final = "POINT[@WHO][#TIME]"
_FORM: Final = re.compile(r"(?P<point>[a-z-]+)(@(?P<who>[^#\s]+))?(#(?P<time>[1-9]\d{0,5}))?")


@dataclass(slots=True)
class _Armed:
    """Where this process will die. `who` empty: whoever passes; `left` counts down to the time."""

    text: str
    point: Point
    who: str
    left: int

    def meet(self, point: Point, who: Who) -> None:
        if point is not self.point:
            return
        names = {who} if isinstance(who, str) else who()
        if self.who and self.who not in names:
            return
        self.left -= 1
        if self.left == 0:
            os.write(2, f"\ndied at crash point {self.text}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)


_armed: Final[list[_Armed]] = []


def read(text: str) -> _Armed:
    """What `POINT[@WHO][#TIME]` says. Raises ValueError, which names what may be said."""
    found = _FORM.fullmatch(text)
    if found is None or found["point"] not in tuple(Point):
        known = ", ".join(Point)
        raise ValueError(f"{text!r} is not {FORM}; POINT is one of {known}, TIME 1 or more")
    return _Armed(text, Point(found["point"]), found["who"] or "", int(found["time"] or 1))


def arm(text: str | None) -> None:
    """From now on die where `text` says; None or nothing: nowhere."""
    _armed[:] = [read(text)] if text else []


def reached(point: Point, who: Who = "") -> None:
    """Die here if this process was told to."""
    if _armed:
        _armed[0].meet(point, who)


def by_records(mode: str, records: Iterable[Record]) -> Collection[str]:
    """Names of a batch: its mode, each topic, and each topic with each key (`topic/key`)."""
    names = {mode}
    for record in records:
        names |= {record.topic, f"{record.topic}/{(record.key or b'').decode(errors='replace')}"}
    return names


def by_rows(purpose: str, rows: Iterable[OutboxRow]) -> Collection[str]:
    """Names of a transaction: its purpose, and that with each key of what is said."""
    return {purpose, *(f"{purpose}/{row.key}" for row in rows)}
