"""A participant on the loop: one handler a mode, and the undos it owes.

All the rules are in `sagakit.core`.

A batch is one load, one fold and at most three writes (new rows, changed rows, effects). What a
message means and what the effects are is told by the service through `Wire` and `Store`; no
business is known here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Protocol, TypeVar

from sagakit.core.fold import Answer, Folded, Judge, Speech, fold
from sagakit.core.participant import Ask, Heard, Row, Word
from sagakit.core.reactions import Choreography, Orchestration, Said
from sagakit.shell.gauges import Readings
from sagakit.shell.metrics import LabelSet
from sagakit.shell.ports import (
    Connection,
    DeadLetter,
    Handled,
    Message,
    Outgoing,
    Record,
    Write,
)
from sagakit.shell.rows import RowTable

T = TypeVar("T")
E = TypeVar("E")

RESET_JITTER_SECONDS: Final = 1.0
"""When a broker or database comes back, what is owed is spread over this long."""


Series = tuple[str, LabelSet]
"""One series of a metric: its name and its labels."""


class Wire(Protocol[T]):
    """The service's protobuf, in both modes. The only part of it that knows bytes."""

    def read(self, topic: str, value: bytes) -> Heard[T]:
        """What a record says. Raises Poison."""

    def say(self, row: Row[T], speech: Speech) -> Said:
        """The announcement or reply that says the stored row, rebuilt from it alone."""

    def delay_seconds(self, row: Row[T], ask: Ask) -> float:
        """How long an injected fault holds the answer back; 0 for not at all."""


class Store(Protocol[T, E]):
    """The service's own resources in its database."""

    async def load(
        self,
        connection: Connection,
        heard: Sequence[Heard[T]],
        rows: Mapping[str, Row[T]],
        now: datetime,
    ) -> Judge[T, E]:
        """Load what judging `heard` needs, and no more. Nothing is locked."""

    def writes(self, effects: Sequence[E]) -> list[Write]:
        """The effects, guarded by what was judged by, in an order in which no two processes
        deadlock.
        """


@dataclass(frozen=True, slots=True)
class Participant(Generic[T, E]):
    """What a participant is made of, the same for both modes and for the undos it owes."""

    service: str
    wire: Wire[T]
    rows: RowTable[T]
    store: Store[T, E]
    park_after_attempts: int

    async def apply(
        self,
        connection: Connection,
        heard: Sequence[Heard[T]],
        rows: Mapping[str, Row[T]],
        now: datetime,
    ) -> tuple[Folded[T, E], list[Write]]:
        """Judge and fold one batch; what it came to, and what is to be written of it."""
        judge = await self.store.load(connection, heard, rows, now)
        folded = fold(heard, rows, judge, now, self.park_after_attempts)
        writes = self.rows.writes(folded.changed, now)
        if folded.effects:
            writes += self.store.writes(folded.effects)
        return folded, writes

    def outgoing(self, answer: Answer[T], now: datetime, causation_id: str | None) -> Outgoing:
        """The message that is the answer."""
        row = answer.row
        said = self.wire.say(row, answer.speech)
        delay = self.wire.delay_seconds(row, answer.ask)
        publish_at = now + timedelta(seconds=delay) if delay > 0.0 else None
        return Outgoing(said.topic, row.saga_id, said.type, said.payload, causation_id, publish_at)


class ParticipantHandler(Generic[T, E]):
    """One participant in one mode, as the loop sees it (`ports.Handler`)."""

    def __init__(self, participant: Participant[T, E], mode: str, topics: Sequence[str]) -> None:
        self.service = participant.service
        self.mode = mode
        self.topics = topics
        self._participant = participant

    def decode(self, record: Record) -> Heard[T]:
        """Read a record. Raises Poison."""
        return self._participant.wire.read(record.topic, record.value or b"")

    async def handle(
        self, connection: Connection, messages: Sequence[Message[Heard[T]]]
    ) -> Handled:
        """Load and decide; what is to be written is returned."""
        heard = [message.body for message in messages]
        saga_ids = {message.saga_id for message in heard}
        rows, now = await self._participant.rows.load(connection, saga_ids)
        folded, writes = await self._participant.apply(connection, heard, rows, now)
        handled = Handled(writes, duplicates=folded.duplicates, late=folded.late)
        handled.outgoing = [
            self._participant.outgoing(
                answer, now, messages[answer.index].record.message_id or None
            )
            for answer in folded.answers
        ]
        handled.dead = [
            DeadLetter(
                messages[rejected.index].record,
                rejected.reason,
                rejected.detail,
                heard[rejected.index].saga_id,
            )
            for rejected in folded.rejected
        ]
        return handled

    async def committed(self, connection: Connection, handled: Handled) -> None:
        """A participant has nothing to tell anyone after the commit but what is in the outbox."""


class OwedUndos(Generic[T, E]):
    """Undos that failed in choreography, tried again from the row (rules 4 and 5; `ports.Due`)."""

    def __init__(self, participant: Participant[T, E], retried: Series | None = None) -> None:
        """`retried` is counted once for each undo that is tried again."""
        self.name = f"{participant.service}-owed-undos"
        self._participant = participant
        self._retried = retried

    async def due(self, connection: Connection, limit: int) -> Handled:
        """Claim what is due, try it, and say what came undone.

        What fails again is written with its next time.
        """
        rows, now = await self._participant.rows.claim(connection, limit)
        if now is None:
            return Handled()
        heard = [_insist(row) for row in rows.values()]
        folded, writes = await self._participant.apply(connection, heard, rows, now)
        outgoing = [self._participant.outgoing(answer, now, None) for answer in folded.answers]
        counted = [] if self._retried is None else [(*self._retried, float(len(heard)))]
        return Handled(writes, outgoing, observations=counted)

    async def reset(self, connection: Connection) -> None:
        """Broker or database came back: everything owed is due again soon."""
        await self._participant.rows.reset(connection, RESET_JITTER_SECONDS)


class ParkedUndos:
    """How many owed undos wait for a person, as one series (`gauges.GaugeSource`)."""

    def __init__(self, rows: RowTable[Any], parked: Series) -> None:
        self._rows = rows
        self._name, self._labels = parked

    async def read(self, connection: Connection) -> Readings:
        """From the rows: nobody else knows what is owed in choreography."""
        count = await self._rows.count_parked(connection)
        return {self._name: {self._labels: float(count)}}


def _insist(row: Row[T]) -> Heard[T]:
    return Heard(row.saga_id, row.mode, Ask.INSIST, row.terms, row.reason)


def serve(
    participant: Participant[T, E],
    modes: Sequence[str],
    choreography: Choreography,
    orchestration: Orchestration,
    retried: Series | None = None,
) -> tuple[list[ParticipantHandler[T, E]], list[OwedUndos[T, E]]]:
    """The handlers of these modes (short forms); owed undos if choreography is among them.

    `retried` is the counter of undos that are tried again.
    """
    topics = {"choreo": choreography.topics, "orch": orchestration.topics}
    handlers = [ParticipantHandler(participant, mode, topics[mode]) for mode in modes]
    owes = "choreo" in modes and Word.UNDONE in choreography.says
    return handlers, [OwedUndos(participant, retried)] if owes else []
