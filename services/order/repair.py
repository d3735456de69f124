"""What a person may do to orders, as the kit's remedies: cancel and resend.

Cancel stores and says the mark; whether it comes in time is for others to say. Resend makes an open
order due, and the runner of silent orders says it. It must not know HTTP.
"""

from collections.abc import Sequence
from typing import Any, Final

from order import store_repair, wire
from order.domain import Status
from order.ports import Limits
from saga.contract import STEP_BY_STATE, STEPS, Mode
from sagakit.core.repair import Case, Choice
from sagakit.shell.ports import Conflict, Connection
from sagakit.shell.runtime import Transaction

_STATE_BY_STEP: Final = {word.name: word.current_step for word in STEPS}
_FIRST: Final = STEPS[0].current_step


class _Orders:
    """What both have alike: which orders are meant."""

    filters = frozenset({"mode", "step", "reason", "since"})
    together = True

    async def look(self, connection: Connection, choice: Choice) -> list[Case]:
        """The chosen orders, each with what the verb makes of it."""
        step = None if choice.step is None else _STATE_BY_STEP.get(choice.step, choice.step)
        return [_case(row, self) for row in await store_repair.chosen(connection, choice, step)]

    async def acted(
        self, connection: Connection, cases: Sequence[Case], measured: Sequence[int]
    ) -> None:
        """What is said is on its way."""

    def judge(self, case: Case, row: Any) -> None:
        """Set `after`, or a note."""
        raise NotImplementedError


class Cancel(_Orders):
    """An open order is asked to end."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def judge(self, case: Case, row: Any) -> None:
        """In choreography nobody but the first participant hears the mark."""
        if row["cancel_asked"]:
            case.note = "it was asked before"
            return
        case.after = {**case.before, "cancel_asked": True}
        if row["mode"] == Mode.CHOREO and row["current_step"] != _FIRST:
            case.note = "too late, most likely: in choreography only payment hears it, and decided"

    async def act(
        self, transaction: Transaction, cases: Sequence[Case], refused: Exception | None
    ) -> None:
        """Store the mark and say it."""
        ids = [case.subject for case in cases]
        connection, silence = transaction.connection, self._limits.resay_after_seconds
        sayings = await store_repair.ask_cancel(connection, ids, silence)
        if len(sayings) != len(ids):
            raise Conflict(f"{len(ids) - len(sayings)} orders have ended or were asked meanwhile")
        transaction.say([wire.say(saying) for saying in sayings])


class Resend(_Orders):
    """An open order is said now: through stored outcomes that walks its chain again."""

    def judge(self, case: Case, row: Any) -> None:
        """What the orchestrator knows is its to say."""
        if row["mode"] == Mode.ORCH and row["known"] and not row["cancel_asked"]:
            case.note = "the orchestrator knows it: resend it there"
        else:
            case.after = {**case.before, "due": "now"}

    async def act(
        self, transaction: Transaction, cases: Sequence[Case], refused: Exception | None
    ) -> None:
        """Make them due."""
        transaction.write(store_repair.hastened([case.subject for case in cases]))


def _case(row: Any, verb: _Orders) -> Case:
    word = STEP_BY_STATE.get(row["current_step"])
    before = {
        "status": row["status"],
        "current_step": row["current_step"],
        "cancel_asked": row["cancel_asked"],
        "parked": row["parked"],
    }
    saga_id = row["saga_id"]
    case = Case(saga_id, saga_id, row["mode"], word.name if word else "", before, None)
    if row["status"] != Status.RUNNING:
        case.note = f"it has ended ({row['outcome']}); an end is never left"
    else:
        verb.judge(case, row)
    return case
