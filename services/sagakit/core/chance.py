"""Chance as data: a step's luck is a hash, so that a redelivery is given the same answer (rule 9).

Faults are injected in two ways: by a rate that the service was started with, and by a text that
travels with the saga, `grind=30;discard=50,delay:3s` (percent a step, and how long the answer is
held back). Pure; it knows no step's name.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Final

DELAY_SECONDS_MAX: Final = 300.0
"""An injected delay is cut to this: a fault may hold a saga up, and not bury it."""

PERCENT_MAX: Final = 100.0
EVERY_STEP: Final = ""
"""The step name under which a delay is kept that names no step (`delay:3s` alone)."""

_SECONDS_BY_UNIT: Final = (("ms", 0.001), ("s", 1.0), ("m", 60.0))
_HASH_RANGE: Final = float(1 << 64)
_FAULT_TEXTS_KEPT: Final = 256


def unlucky(seed: str, saga_id: str, step: str, rate: float, attempt: int = 0) -> bool:
    """Whether this step of this saga fails.

    `rate` is 0..1; `attempt` counts an undo's earlier failures.

    The attempt's number is part of the hash so that an undo that is insisted upon succeeds in the
    end.
    """
    if rate <= 0.0:
        return False
    if rate >= 1.0:
        return True
    text = f"{seed}\0{saga_id}\0{step}\0{attempt}".encode()
    drawn = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    return drawn < rate * _HASH_RANGE


@dataclass(frozen=True, slots=True)
class Faults:
    """What a saga's own text asks for, by step."""

    percents: dict[str, float] = field(default_factory=dict)
    delays_seconds: dict[str, float] = field(default_factory=dict)

    def percent(self, step: str) -> float:
        """How often the step fails, 0..100."""
        return self.percents.get(step, 0.0)

    def delay(self, step: str) -> float:
        """Seconds the step's answer is held back: its own delay, else the one for every step."""
        return self.delays_seconds.get(step, self.delays_seconds.get(EVERY_STEP, 0.0))


NO_FAULTS: Final = Faults()


@lru_cache(maxsize=_FAULT_TEXTS_KEPT)
def parse_faults(text: str) -> Faults:
    """Read `step=percent[,delay:3s];…`.

    What cannot be read is left out: a fault is never a reason to fail.
    """
    percents: dict[str, float] = {}
    delays: dict[str, float] = {}
    for part in text.split(";"):
        name, equals, values = part.strip().partition("=")
        step = name.strip().lower() if equals else EVERY_STEP
        for value in (values if equals else name).split(","):
            word = value.strip().lower()
            if word.startswith("delay:"):
                seconds = _seconds(word.removeprefix("delay:"))
                if seconds is not None:
                    delays[step] = seconds
            elif equals:
                percent = _number(word.removesuffix("%"))
                if percent is not None:
                    percents[step] = min(percent, PERCENT_MAX)
    return Faults(percents, delays)


def _seconds(text: str) -> float | None:
    for unit, seconds in _SECONDS_BY_UNIT:
        if text.endswith(unit):
            number = _number(text.removesuffix(unit))
            return None if number is None else min(number * seconds, DELAY_SECONDS_MAX)
    number = _number(text)
    return None if number is None else min(number, DELAY_SECONDS_MAX)


def _number(text: str) -> float | None:
    """A number that is finite and not negative, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0.0 <= number < float("inf") else None


@dataclass(frozen=True, slots=True)
class Odds:
    """How unlucky a participant is, by step, and whether a saga's own text counts. Rates: 0..1."""

    step: str
    undo_step: str
    seed: str
    fail_rate: float = 0.0
    undo_fail_rate: float = 0.0
    faults_enabled: bool = False

    def do_fails(self, saga_id: str, faults: str) -> bool:
        """Whether a fault refuses the action."""
        rate = max(self.fail_rate, self._asked(faults).percent(self.step) / PERCENT_MAX)
        return unlucky(self.seed, saga_id, self.step, rate)

    def undo_fails(self, saga_id: str, faults: str, attempt: int) -> bool:
        """Whether a fault fails this attempt (counted from 0) at the undo."""
        percent = self._asked(faults).percent(self.undo_step)
        rate = max(self.undo_fail_rate, percent / PERCENT_MAX)
        return unlucky(self.seed, saga_id, self.undo_step, rate, attempt)

    def delay_seconds(self, faults: str, *, undo: bool) -> float:
        """How long the answer is held back, in seconds; 0 for not at all."""
        return self._asked(faults).delay(self.undo_step if undo else self.step)

    def _asked(self, faults: str) -> Faults:
        return parse_faults(faults) if faults and self.faults_enabled else NO_FAULTS
