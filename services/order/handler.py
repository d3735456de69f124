"""Order in choreography: hears all nine topics, draws the timeline and records the two ends. Says
nothing in answer.

A batch is folded in memory first and then written with one statement a table, so the cost of a
message is small. An unknown saga is adopted when its order-requested is heard; what came earlier
has waited in the timeline and is folded in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from order import counting, store, store_orders, wire
from order.domain import Effect, Heard, Standing, hear
from order.store import Stored
from order.store_orders import NewOrder
from saga import contract
from saga.contract import Mode
from saga.terms import Terms, contradiction
from sagakit.core.deadletters import Reason
from sagakit.shell.ports import Connection, DeadLetter, Handled, Message, Record, Write
from sagakit.shell.tally import Tally

_REQUESTED: Final = contract.ORDER_REQUESTED.event


@dataclass(slots=True)
class Folding:
    """One saga while a batch is folded. `stored` None: not known before; `terms` None: not to be
    adopted either. `in_step_seconds` is how long it has been in its step; 0 once it moves here.
    """

    stored: Stored | None
    standing: Standing
    terms: Terms | None
    requested: Heard | None = None
    in_step_seconds: float = 0.0


@dataclass(slots=True)
class Drawn(Handled):
    """What a batch came to, and of which sagas something is drawn."""

    saga_ids: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Batch:
    """What a batch comes to before it is written."""

    sagas: dict[str, Folding] = field(default_factory=dict)
    events: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    handled: Drawn = field(default_factory=Drawn)
    tally: Tally = field(default_factory=Tally)


class Timeline:
    """`ports.Handler` of the nine choreography topics."""

    service: str = "order"
    mode: str = Mode.CHOREO.value
    topics: Sequence[str] = tuple(topic.name for topic in contract.heard_by("order", Mode.CHOREO))

    def __init__(
        self,
        *,
        resay_after_seconds: float,
        utc_now: Callable[[], datetime],
        print_line: Callable[[str], None] | None = None,
    ) -> None:
        self._resay_after_seconds = resay_after_seconds
        self._utc_now = utc_now
        self._print_line = print_line

    def decode(self, record: Record) -> Heard:
        """Read one record. Raises Poison."""
        return wire.decode(record)

    async def handle(self, connection: Connection, messages: Sequence[Message[Heard]]) -> Handled:
        """Fold the batch into the orders it speaks of; what changed is to be written."""
        batch = Batch()
        known = await store.load(connection, {message.body.saga_id for message in messages})
        await self._prepare(connection, batch, known, messages)
        for message in messages:
            _fold(batch, known.get(message.body.saga_id), message)
        batch.handled.writes = self._writes(batch)
        batch.handled.duplicates = sum(times - 1 for _, times in batch.events.values())
        batch.handled.saga_ids = {saga_id for saga_id, _ in batch.events}
        batch.handled.observations = batch.tally.observations()
        return batch.handled

    async def committed(self, connection: Connection, handled: Handled) -> None:
        """Count what was drawn before; print the timelines that grew, where that was asked for."""
        if not isinstance(handled, Drawn) or not handled.saga_ids:
            return
        handled.duplicates += handled.measured[-1]
        if self._print_line is not None:
            for line in await store.timelines(connection, handled.saga_ids):
                self._print_line(line)

    async def _prepare(
        self,
        connection: Connection,
        batch: Batch,
        known: dict[str, Stored],
        messages: Sequence[Message[Heard]],
    ) -> None:
        """Adopt unknown sagas whose order-requested is in the batch, with what was heard of them
        before.
        """
        adopting: dict[str, Heard] = {}
        for message in messages:
            heard = message.body
            if heard.event == _REQUESTED and heard.saga_id not in known:
                adopting.setdefault(heard.saga_id, heard)
        if not adopting:
            return
        earlier = await store.earlier_events(connection, adopting)
        for saga_id, heard in adopting.items():
            folding = Folding(None, Standing(), heard.terms, heard)
            batch.sagas[saga_id] = folding
            counting.started(batch.tally, Mode.CHOREO)
            for event in earlier.get(saga_id, ()):
                _apply(batch, folding, event)

    def _writes(self, batch: Batch) -> list[Write]:
        """Orders before events, each sorted by saga: no two processes wait for each other."""
        moved = [
            (folding.stored, folding.standing)
            for folding in batch.sagas.values()
            if folding.stored is not None and folding.standing != folding.stored.standing
        ]
        adopted = [self._adopted(s, f) for s, f in batch.sagas.items() if f.stored is None]
        seconds = self._resay_after_seconds
        return [
            *store.moves(moved, seconds),
            *store_orders.insertion(adopted, seconds),
            *store.drawing(batch.events),
        ]

    def _adopted(self, saga_id: str, folding: Folding) -> NewOrder:
        said_at = folding.requested.occurred_at if folding.requested else None
        return NewOrder(
            saga_id,
            Mode.CHOREO,
            folding.terms or Terms(),
            said_at or self._utc_now(),
            folding.standing,
            adopted=True,
        )


def _fold(batch: Batch, stored: Stored | None, message: Message[Heard]) -> None:
    """Put one message into the batch: a dead letter, or an event of the timeline and perhaps of an
    order.
    """
    heard = message.body
    saga_id = heard.saga_id
    if stored is not None and stored.mode != Mode.CHOREO:
        detail = f"saga was placed in mode {stored.mode}; {message.record.topic} is of mode choreo"
        batch.handled.dead.append(DeadLetter(message.record, Reason.OTHER_MODE, detail, saga_id))
        return
    folding = batch.sagas.get(saga_id)
    if folding is None and stored is not None:
        seconds = stored.in_step_seconds
        folding = Folding(stored, stored.standing, stored.terms, in_step_seconds=seconds)
        batch.sagas[saga_id] = folding
    if folding is not None and folding.terms is not None and heard.terms is not None:
        cause = contradiction(folding.terms, heard.terms)
        if cause is not None:
            batch.handled.dead.append(
                DeadLetter(message.record, Reason.CONTRADICTION, cause, saga_id)
            )
            return
    key = (saga_id, heard.event)
    drawn = batch.events.get(key)
    if drawn is None:
        batch.events[key] = [heard, 1]
    else:
        drawn[1] += 1
    if folding is not None:
        _apply(batch, folding, heard)


def _apply(batch: Batch, folding: Folding, heard: Heard) -> None:
    """One event into one saga, with what is to be counted once it is true."""
    before = folding.standing
    after, effect = hear(before, heard)
    if effect is Effect.NOTHING:
        return
    folding.standing = after
    if effect is Effect.LATE:
        batch.handled.late += 1
        return
    if effect is Effect.VIOLATION:
        counting.violated(batch.tally)
        return
    if after.current_step != before.current_step:
        counting.moved(batch.tally, before, after, heard, folding.in_step_seconds)
        folding.in_step_seconds = 0.0
    if effect is Effect.ENDED and after.outcome is not None:
        age_seconds = folding.stored.age_seconds if folding.stored is not None else 0.0
        counting.ended(batch.tally, Mode.CHOREO, after.outcome.value, age_seconds)
        batch.handled.after_commit.append(heard.saga_id)
