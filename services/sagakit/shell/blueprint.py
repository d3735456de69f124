"""Puts a participant's service together from its parts, which only its own `__main__` knows.

The same for every participant: its rows, its store, its wire, one handler a mode and the undos it
owes. No business is known here; what it is of comes in as tables and types.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import FastAPI
from pydantic import SecretStr

from sagakit.core.chance import Odds
from sagakit.core.reactions import Choreography, Orchestration
from sagakit.core.repair import Verb
from sagakit.shell import repair_api
from sagakit.shell.faults import injected
from sagakit.shell.gauges import GaugeSource
from sagakit.shell.metrics import MODE_WORDS, Declaration
from sagakit.shell.parking import RetryOwed
from sagakit.shell.participant import ParkedUndos, Participant, Series, Store, Wire, serve
from sagakit.shell.redrive import Redrive
from sagakit.shell.repairs import Remedy, Repairs
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
    audit: Callable[[Runtime], GaugeSource] | None = None
    """What it promises of its own rows, judged all the time."""

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
            gauges: list[GaugeSource] = []
            if self.parked is not None:
                gauges.append(ParkedUndos(participant.rows, self.parked))
            if self.audit is not None:
                gauges.append(self.audit(runtime))
            app = self._repair_app(runtime, participant, odds.undo_step)
            return Parts(handlers, dues, app, gauges=gauges)

        return ServiceSpec(name, settings, build, self.metrics)

    def _repair_app(
        self, runtime: Runtime, participant: Participant[T, E], undo_step: str
    ) -> Callable[[SecretStr | None], FastAPI]:
        """The verbs on its own rows, whichever modes this process listens to; its one API."""
        every_mode, _ = serve(participant, tuple(MODE_WORDS), self.choreography, self.orchestration)
        remedies: dict[Verb, Remedy] = {Verb.REDRIVE: Redrive(every_mode, runtime.metrics)}
        parking = RetryOwed(participant.rows, undo_step) if undo_step else None
        if parking is not None:
            remedies[Verb.RETRY] = parking
        repairs = Repairs(runtime, remedies)
        title = f"BrewSaga {runtime.service}"

        def app(token: SecretStr | None) -> FastAPI:
            return repair_api.create_app(title, runtime, repairs, parking, token)

        return app

    def new_reference(self) -> str:
        """A fresh id: the prefix and a UUID of version 4, written without making the object."""
        chance = os.urandom(16).hex()
        return (
            f"{self.reference_prefix}{chance[:8]}-{chance[8:12]}-4{chance[13:16]}"
            f"-8{chance[17:20]}-{chance[20:]}"
        )
