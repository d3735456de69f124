"""The orchestrator as the loop sees it: what it hears in a batch, and what it says again by itself.

Joins wire, domain and store and holds no rule of its own. A batch is folded in order, so that a
saga that occurs twice meets the row which its first message left.
"""

from collections.abc import Callable, Sequence
from typing import Final

from orchestrator import counting, store, wire
from orchestrator.domain import Decision, Effect, Heard, Policy, decide
from saga.contract import Mode, heard_by
from sagakit.core.deadletters import Poison
from sagakit.core.steps import Status
from sagakit.shell.ports import Connection, DeadLetter, Handled, Message, Record
from sagakit.shell.tally import Tally

SERVICE: Final = "orchestrator"


class Orchestration:
    """The one handler: orchestration is the only mode in which an orchestrator has a part.

    `on_ended` is told the ids of sagas whose end was committed.
    """

    service = SERVICE
    mode = Mode.ORCH.value
    topics: Sequence[str] = tuple(topic.name for topic in heard_by(SERVICE, Mode.ORCH))

    def __init__(self, policy: Policy, on_ended: Callable[[Sequence[str]], None]) -> None:
        self._policy = policy
        self._on_ended = on_ended

    def decode(self, record: Record) -> Heard:
        """Read a record. Raises Poison."""
        return wire.read(record.topic, record.value or b"")

    async def handle(self, connection: Connection, messages: Sequence[Message[Heard]]) -> Handled:
        """Fold the batch over its sagas; what changed is to be written."""
        ids = sorted({message.body.saga_id for message in messages})
        sagas, now = await store.load(connection, ids)
        changes = store.Changes(
            loaded_versions={saga_id: saga.version for saga_id, saga in sagas.items()}
        )
        since = await store.entered(connection, sagas.values())
        handled, tally = Handled(), Tally()
        for message in messages:
            saga_id = message.body.saga_id
            try:
                decision = decide(sagas.get(saga_id), message.body, now, self._policy)
            except Poison as poison:
                handled.dead.append(
                    DeadLetter(message.record, poison.reason, poison.detail, saga_id)
                )
                continue
            counting.decided(tally, message.body, decision, since)
            if decision.saga is not None:
                sagas[saga_id] = decision.saga
            _collect(decision, message.record, changes, handled)
        handled.writes = store.writes(changes)
        handled.observations = tally.observations()
        return handled

    async def committed(self, connection: Connection, handled: Handled) -> None:
        """Tell who waits that sagas have ended."""
        if handled.after_commit:
            self._on_ended(handled.after_commit)


def _collect(decision: Decision, record: Record, changes: store.Changes, handled: Handled) -> None:
    saga = decision.saga
    handled.late += decision.effect is Effect.LATE
    handled.duplicates += decision.effect is Effect.DUPLICATE
    if saga is None or decision.entry is None:
        return
    changes.sagas[saga.saga_id] = saga
    changes.entries.append(decision.entry)
    if saga.where.status is not Status.RUNNING:
        handled.after_commit.append(saga.saga_id)
    if decision.say is not None:
        handled.outgoing.append(wire.write_command(saga, decision.say, record.message_id or None))


class AwaitedCommands:
    """Say the awaited command of every RUNNING saga again, for ever (rule 5); parked ones wait.

    A parked saga is moved on by a person's `retry` alone, which sets `parked_at` back to NULL.
    """

    name = "awaited-commands"

    def __init__(self, after_seconds: float, max_seconds: float) -> None:
        self._after_seconds = after_seconds
        self._max_seconds = max_seconds

    async def due(self, connection: Connection, limit: int) -> Handled:
        """Claim what is due and say it; nothing else of the saga changes, and no version."""
        sagas = await store.say_again(connection, limit, self._after_seconds, self._max_seconds)
        said = [
            wire.write_command(saga, saga.where.awaits, None)
            for saga in sorted(sagas, key=lambda saga: saga.saga_id)
            if saga.where.awaits is not None
        ]
        return Handled(outgoing=said, observations=counting.said_again(sagas))

    async def reset(self, connection: Connection) -> None:
        """Broker or database came back: what is open is said again within one first wait."""
        await store.say_soon(connection, self._after_seconds)
