"""How often what goes wrong, drawn anew for each seed: a seed is calm in some ways and wild in
others, since what always happens together hides what happens alone.
"""

from dataclasses import dataclass, replace
from random import Random


def _sometimes(chance: Random, most: float) -> float:
    """0 in a third of the seeds, else up to `most`, small values as likely as large ones."""
    drawn = chance.random()
    return 0.0 if drawn < 0.33 else most * chance.random() ** 2


@dataclass(frozen=True)
class Rates:
    """Probabilities an occasion, times in virtual seconds."""

    crash: float
    stop: float
    pause: float
    database_error: float
    deadlock: float
    drop: float
    duplicate: float
    delay: float
    overlap: float
    produce_error: float
    acknowledgement_lost: float
    batch: int
    poll: float
    latency: float
    jitter: float
    restart: float
    keeps_outbox: float
    second: float
    rewind: float
    clock_off: float
    until_deadlock: float
    until_stop: float

    @classmethod
    def drawn(cls, chance: Random) -> "Rates":
        crash, error = _sometimes(chance, 0.03), _sometimes(chance, 0.06)
        deadlock = _sometimes(chance, 0.05)
        stop = _sometimes(chance, 0.004)
        return cls(
            crash=crash,
            stop=stop,
            pause=_sometimes(chance, 0.5),
            database_error=error,
            deadlock=deadlock,
            drop=_sometimes(chance, 0.25),
            duplicate=_sometimes(chance, 0.5),
            delay=_sometimes(chance, 0.3),
            overlap=_sometimes(chance, 0.3),
            produce_error=_sometimes(chance, 0.15),
            acknowledgement_lost=_sometimes(chance, 0.15),
            batch=1 + int(chance.random() * 8),
            poll=0.4 * chance.random(),
            latency=0.001 + 0.03 * chance.random(),
            jitter=0.01 + 2.0 * chance.random() ** 3,
            restart=0.5 + 8.0 * chance.random(),
            keeps_outbox=0.5,
            second=0.85,
            rewind=0.25,
            clock_off=0.25,
            until_deadlock=crash + error + deadlock,
            until_stop=crash + stop,
        )

    def with_more(self, **rates: float) -> "Rates":
        """The same with these rates in the place of what was drawn."""
        given = replace(self, **rates)  # type: ignore[arg-type]
        deadlock = given.crash + given.database_error + given.deadlock
        return replace(given, until_deadlock=deadlock, until_stop=given.crash + given.stop)
