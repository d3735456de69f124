"""What a person may do to orchestrated sagas, as the kit's remedies: retry, resend, cancel.

Retry moves a parked saga on, resend says the awaited command now, cancel notes the mark that order
would have said: each through the domain, guarded by the version that was looked at. The command is
said by the one runner that caps the rate. It must not know HTTP or Kafka.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from orchestrator import reads, store
from orchestrator.domain import Decision, Effect, PlaceOrder, Policy, Saga, decide, tried_again
from saga.contract import STEPS, UNDO_NAMES, Mode
from sagakit.core.repair import Case, Choice, Waits
from sagakit.core.steps import Status
from sagakit.shell.ports import Connection
from sagakit.shell.runtime import Transaction

MODE: Final = Mode.ORCH.value
RETRIED: Final = "retried by a person"
_UNDOING: Final = tuple(word.current_step for word in STEPS if word.name in UNDO_NAMES)
_STATE_BY_STEP: Final = {word.name: word.current_step for word in STEPS}
_STEP_BY_STATE: Final = {state: step for step, state in _STATE_BY_STEP.items()}


class _Sagas:
    """What the three have alike: which sagas are meant, and that what was decided is written."""

    filters = frozenset({"mode", "step", "reason", "since"})
    together = True

    async def look(self, connection: Connection, choice: Choice) -> list[Case]:
        """The chosen sagas, each with what the verb makes of it."""
        if choice.ids is None:
            ids = [row["saga_id"] for row in await self._chosen(connection, choice)]
        else:
            ids = list(dict.fromkeys(choice.ids))
        sagas, now = await store.load(connection, ids)
        return [self._case(sagas[one], now) for one in ids if one in sagas]

    async def act(
        self, transaction: Transaction, cases: Sequence[Case], refused: Exception | None
    ) -> None:
        """Write what was decided; what is only hastened has no entry."""
        changes, hastened = store.Changes(), []
        for case in cases:
            loaded, decision = case.work
            if decision is None:
                hastened.append(loaded)
                continue
            changes.sagas[loaded.saga_id] = decision.saga
            changes.loaded_versions[loaded.saga_id] = loaded.version
            changes.entries.append(decision.entry)
        transaction.write([*store.writes(changes), *store.hastened(hastened)])

    async def acted(
        self, connection: Connection, cases: Sequence[Case], measured: Sequence[int]
    ) -> None:
        """What is due is said by the runner."""

    async def _chosen(self, connection: Connection, choice: Choice) -> list[Any]:
        states = self._states(choice)
        if choice.step is not None:
            state = _STATE_BY_STEP.get(choice.step, "")
            states = (state,) if states is None or state in states else ()
        if choice.mode not in (None, MODE) or states == ():
            return []
        return await reads.chosen(connection, choice, states, self._parked(choice))

    def _states(self, choice: Choice) -> tuple[str, ...] | None:
        """Where the verb has something to do; None: wherever a saga runs."""
        return None

    def _parked(self, choice: Choice) -> bool | None:
        return None

    def _case(self, saga: Saga, now: datetime) -> Case:
        step = _STEP_BY_STATE.get(saga.state, "")
        case = Case(saga.saga_id, saga.saga_id, MODE, step, _stand(saga), None)
        if saga.where.status is not Status.RUNNING:
            case.note = f"it has ended ({saga.where.status.value}); an end is never left"
        else:
            self._judge(case, saga, now)
        return case

    def _judge(self, case: Case, saga: Saga, now: datetime) -> None:
        raise NotImplementedError


class Retry(_Sagas):
    """An undo that is parked, or waits for its answer."""

    filters = _Sagas.filters | {"state"}

    async def listed(self, connection: Connection, choice: Choice) -> list[dict[str, Any]]:
        """What is being undone, as it is shown to people (`repair_api.Parking`)."""
        return [_shown(row) for row in await self._chosen(connection, choice)]

    def _states(self, choice: Choice) -> tuple[str, ...] | None:
        """A step that cannot be undone any more may be parked too, but never waits as an undo."""
        return None if choice.state is Waits.PARKED else _UNDOING

    def _parked(self, choice: Choice) -> bool | None:
        return None if choice.state is Waits.ANY else choice.state is Waits.PARKED

    def _judge(self, case: Case, saga: Saga, now: datetime) -> None:
        if saga.parked_at is not None:
            _decided(case, saga, tried_again(saga, RETRIED, now))
        elif saga.state in _UNDOING:
            _hasten(case, saga)
        else:
            case.note = "nothing is being undone; to say its command again: resend"


class Resend(_Sagas):
    """The awaited command of a saga that runs."""

    def _judge(self, case: Case, saga: Saga, now: datetime) -> None:
        if saga.parked_at is not None:
            case.note = "it is parked: retry moves it on"
        else:
            _hasten(case, saga)

    def _parked(self, choice: Choice) -> bool | None:
        return False


class Cancel(_Sagas):
    """The cancel mark, noted here for sagas that order does not know."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def _judge(self, case: Case, saga: Saga, now: datetime) -> None:
        mark = PlaceOrder(saga.saga_id, saga.terms, cancel=True)
        decision = decide(saga, mark, now, self._policy)
        if decision.effect is Effect.CHANGED:
            _decided(case, saga, decision)
        else:
            case.note = "it was asked before"


def _decided(case: Case, saga: Saga, decision: Decision) -> None:
    assert decision.saga is not None
    case.after, case.work = _stand(decision.saga), (saga, decision)


def _hasten(case: Case, saga: Saga) -> None:
    case.after, case.work = {**_stand(saga), "due": "now"}, (saga, None)


def _stand(saga: Saga) -> dict[str, Any]:
    return {
        "state": saga.state,
        "parked": saga.parked_at is not None,
        "attempts": saga.attempts,
        "cancel_asked": saga.cancel_asked,
        "version": saga.version,
    }


def _shown(row: Any) -> dict[str, Any]:
    parked = row["parked_at"] is not None
    return {
        **dict(row),
        "mode": MODE,
        "step": _STEP_BY_STATE[row["current_step"]],
        "state": (Waits.PARKED if parked else Waits.WAITING).value,
        "reference": "",
        "since": row["parked_at"] or row["updated_at"],
        "next_attempt_at": None if parked else row["say_again_at"],
    }
