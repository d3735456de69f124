"""Puts a participant's service together from its parts, which only its own `__main__` knows.

The same for every participant: its rows, its store, its wire, one handler a mode and the undos it
owes. No business is known here; what it is of comes in as tables and types.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sagakit.core.chance import Odds
from sagakit.core.reactions import Choreography, Orchestration
from sagakit.shell.faults import injected
from sagakit.shell.metrics import Declaration
from sagakit.shell.participant import ParkedUndos, Participant, Series, Store, Wire, serve
from sagakit.shell.rows import Backoff, RowTable, Shape
from sagakit.shell.run import Parts, ServiceSpec
from sagakit.shell.runtime import Runtime
from sagakit.shell.settings import KitSettings

T = TypeVar("T")
E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Blueprint(Generic[T, E]):
    """What one participant is made of.

    `reference_prefix` begins the ids of what it does. `store` gets the odds and the source of ids.
    `metrics` are those that it exports.
    """

    choreography: Choreography
    orchestration: Orchestration
    reference_prefix: str
    shape: Shape[T]
    wire: Callable[[Odds], Wire[T]]
    store: Callable[[Odds, Callable[[], str]], Store[T, E]]
    metrics: Sequence[Declaration]
    retried: Series | None = None
    """The series that counts owed undos that are tried again."""
    parked: Series | None = None
    """The series that says how many of them wait for a person."""

    def service(self, settings: KitSettings, odds: Odds) -> ServiceSpec:
        """The service as the kit runs it."""
        name = self.choreography.service

        def build(runtime: Runtime) -> Parts:
            luck = injected(odds, runtime.switchboard)
            backoff = Backoff(settings.resay_after_seconds, settings.resay_max_seconds)
            participant = Participant(
                name,
                self.wire(luck),
                RowTable(self.shape, backoff),
                self.store(luck, self.new_reference),
                settings.park_after_attempts,
            )
            handlers, dues = serve(
                participant, settings.modes, self.choreography, self.orchestration, self.retried
            )
            gauges = [ParkedUndos(participant.rows, self.parked)] if self.parked else []
            return Parts(handlers, dues, gauges=gauges)

        return ServiceSpec(name, settings, build, self.metrics)

    def new_reference(self) -> str:
        """A fresh id: the prefix and a UUID of version 4, written without making the object."""
        chance = os.urandom(16).hex()
        return (
            f"{self.reference_prefix}{chance[:8]}-{chance[8:12]}-4{chance[13:16]}"
            f"-8{chance[17:20]}-{chance[20:]}"
        )
