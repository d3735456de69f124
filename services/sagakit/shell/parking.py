"""The undos that a participant owes in choreography: listed, and tried again on a person's word.

Retry makes a row due; the runner of owed undos (`participant.OwedUndos`) tries it at its own capped
rate and through the same rules, so it is done once, however often it is asked for. It must not know
what is undone.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from sagakit.core.participant import Outcome, tried_again
from sagakit.core.repair import Case, Choice, Waits
from sagakit.shell.ports import Connection
from sagakit.shell.rows import RowTable
from sagakit.shell.runtime import Transaction

MODE: Final = "choreo"
"""In orchestration the undo is insisted upon, and parked, by who commands it."""


class RetryOwed:
    """`repairs.Remedy`, and `repair_api.Parking`. `step` is the word of the undo."""

    filters = frozenset({"mode", "state", "step", "reason", "since"})
    together = True

    def __init__(self, rows: RowTable[Any], step: str) -> None:
        self._rows = rows
        self._step = step

    async def listed(self, connection: Connection, choice: Choice) -> list[dict[str, Any]]:
        """What is owed, as it is shown to people."""
        if not self._fits(choice):
            return []
        return [self._shown(row) for row in await self._rows.owed(connection, choice)]

    async def look(self, connection: Connection, choice: Choice) -> list[Case]:
        """Whatever is owed is tried; ids that owe nothing are named."""
        if not self._fits(choice):
            return []
        if choice.ids is None:
            ids: Sequence[str] = [r["saga_id"] for r in await self._rows.owed(connection, choice)]
        else:
            ids = tuple(dict.fromkeys(choice.ids))
        rows, _ = await self._rows.load(connection, ids)
        cases = []
        for row in (rows[saga_id] for saga_id in ids if saga_id in rows):
            case = Case(row.saga_id, row.saga_id, row.mode, self._step, _stand(row), None, work=row)
            again = tried_again(row)
            if again is not None:
                case.after = {**_stand(again), "due": "now"}
            elif row.outcome is Outcome.DONE and row.mode != MODE:
                case.note = "nothing is owed here: in this mode who commands the undo insists on it"
            else:
                case.note = "nothing is owed"
            cases.append(case)
        return cases

    async def act(
        self, transaction: Transaction, cases: Sequence[Case], refused: Exception | None
    ) -> None:
        """Make them due, each guarded by its version."""
        transaction.write(self._rows.hastened([case.work for case in cases]))

    async def acted(
        self, connection: Connection, cases: Sequence[Case], measured: Sequence[int]
    ) -> None:
        """What is due is found by the runner."""

    def _fits(self, choice: Choice) -> bool:
        return choice.mode in (None, MODE) and choice.step in (None, self._step)

    def _shown(self, row: asyncpg.Record) -> dict[str, Any]:
        waits = Waits.PARKED if row["parked"] else Waits.WAITING
        return {**dict(row), "step": self._step, "state": waits.value}


def _stand(row: Any) -> dict[str, Any]:
    return {"outcome": row.outcome.value, "parked": row.parked, "attempts": row.attempts}
