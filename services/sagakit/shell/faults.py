"""Faults that are switched on from outside for a while, and end by themselves.

Each carries its own end: whoever switched it on may die, and nothing stays on. They live in memory
alone, so a restart ends them too. Chance is a hash, as everywhere (`core.chance`). Knows no
business and no HTTP; a service that is not told to allow chaos never has one.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from sagakit.core.chance import PERCENT_MAX, Odds, unlucky
from sagakit.shell.ports import Outgoing

FAULTS_MAX: Final = 8
"""Faults of one process at once."""
SECONDS_MAX: Final = 1_800.0
"""The longest life of a fault."""
GARBAGE: Final = b"\xff\xff\xff\xffan injected fault: this is no message"
"""A tag that no reader of protobuf takes."""


class Kind(StrEnum):
    """What can be switched on."""

    FAIL_RATE = "FailRate"
    """Refuse actions, or fail undos."""
    DELAY = "Delay"
    """Hold back what is said."""
    PAUSE = "Pause"
    """Take in nothing."""
    DUPLICATE = "Duplicate"
    """Say it twice."""
    POISON = "Poison"
    """Say garbage before it."""
    CUT = "Cut"
    """Close every open connection, once: a network that is taken away leaves open ones alone."""


class Fault(NamedTuple):
    """One fault. `percent` is of sagas (FailRate) or of messages; `undo`: FailRate fails undos."""

    kind: Kind
    expires_at: datetime
    percent: float = PERCENT_MAX
    delay_seconds: float = 0.0
    undo: bool = False


class Copy(NamedTuple):
    """A further record beside a message: garbage has no headers, as from a foreign program."""

    payload: bytes
    has_headers: bool


def utc_now() -> datetime:
    """The clock by which faults end."""
    return datetime.now(UTC)


class TooMany(Exception):  # noqa: N818 - named for what the caller did
    """As many faults are on as one process takes; the text says what to do."""


class Switchboard:
    """The faults of one process, by name. Lives on the event loop."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._faults: dict[str, Fault] = {}
        self._changed = asyncio.Event()
        self.cutters: list[Callable[[], None]] = []
        """Who closes connections at a Cut."""

    def put(self, name: str, fault: Fault) -> None:
        """Switch on, or replace what has this name. Raises TooMany."""
        others = [one for one in self.active() if one != name]
        if len(others) >= FAULTS_MAX:
            message = f"{FAULTS_MAX} faults are on ({', '.join(others)}); DELETE one first"
            raise TooMany(message)
        self._faults[name] = fault
        self._change()
        if fault.kind is Kind.CUT:
            for cut in self.cutters:
                cut()

    def drop(self, name: str) -> None:
        """Switch off; one that is not on is off already."""
        self._faults.pop(name, None)
        self._change()

    def active(self) -> dict[str, Fault]:
        """What is on now, by name; what has ended is forgotten here."""
        if self._faults:
            now = self._now()
            self._faults = {k: one for k, one in self._faults.items() if one.expires_at > now}
        return self._faults

    # ------------------------------------------------------------ what a fault does

    def unlucky(self, saga_id: str, step: str, attempt: int, *, undo: bool) -> bool:
        """Whether a FailRate refuses this action, or fails this attempt at an undo."""
        return any(
            unlucky(name, saga_id, step, fault.percent / PERCENT_MAX, attempt)
            for name, fault in self._of(Kind.FAIL_RATE)
            if fault.undo is undo
        )

    def held_back(self, outgoing: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """The same messages, later by the delays that are on."""
        seconds = sum(fault.delay_seconds for _, fault in self._of(Kind.DELAY))
        if not seconds:
            return outgoing
        moment, delay = self._now(), timedelta(seconds=seconds)
        return [one._replace(publish_at=(one.publish_at or moment) + delay) for one in outgoing]

    def copies(self, message_id: str, payload: bytes) -> list[Copy]:
        """What else is put beside this message: by its id, so that chance is data here too."""
        found: list[Copy] = []
        if not self._faults:
            return found
        for kind, copy in (
            (Kind.POISON, Copy(GARBAGE, has_headers=False)),
            (Kind.DUPLICATE, Copy(payload, has_headers=True)),
        ):
            found += [
                copy
                for name, fault in self._of(kind)
                if unlucky(name, message_id, kind, fault.percent / PERCENT_MAX)
            ]
        return found

    async def resumed(self) -> None:
        """Return when no Pause is on: at once, almost always."""
        while ends := [fault.expires_at for _, fault in self._of(Kind.PAUSE)]:
            self._changed = self._changed if not self._changed.is_set() else asyncio.Event()
            left = (max(ends) - self._now()).total_seconds()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(0.0, left))

    def _of(self, kind: Kind) -> list[tuple[str, Fault]]:
        if not self._faults:
            return []
        return [(name, fault) for name, fault in self.active().items() if fault.kind is kind]

    def _change(self) -> None:
        self._changed.set()


@dataclass(frozen=True, slots=True)
class InjectedOdds(Odds):
    """A participant's odds, and what is switched on beside them."""

    switchboard: Switchboard = field(kw_only=True)

    def do_fails(self, saga_id: str, faults: str) -> bool:
        """Whether a fault refuses the action."""
        injected = self.switchboard.unlucky(saga_id, self.step, 0, undo=False)
        return injected or Odds.do_fails(self, saga_id, faults)

    def undo_fails(self, saga_id: str, faults: str, attempt: int) -> bool:
        """Whether a fault fails this attempt at the undo."""
        injected = self.switchboard.unlucky(saga_id, self.undo_step, attempt, undo=True)
        return injected or Odds.undo_fails(self, saga_id, faults, attempt)


def injected(odds: Odds, switchboard: Switchboard) -> Odds:
    """`odds`, with what is switched on."""
    return InjectedOdds(
        odds.step,
        odds.undo_step,
        odds.seed,
        odds.fail_rate,
        odds.undo_fail_rate,
        odds.faults_enabled,
        switchboard=switchboard,
    )
