"""The rows that close the door for new orders, and how many are open behind it.

It must not know HTTP, nor why anyone closes it.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from saga.contract import STEP_BY_STATE, Mode
from sagakit.shell.ports import Connection


@dataclass(frozen=True, slots=True)
class Pause:
    """Why, by whom and since when no new orders of a mode are taken."""

    mode: Mode
    reason: str
    paused_by: str
    paused_at: datetime


@dataclass(frozen=True, slots=True)
class Intake:
    """One mode's door (None: open), and its orders without an end; `parked` are among these."""

    mode: Mode
    pause: Pause | None
    open_by_step: dict[str, int]
    parked: int


_CLOSED: Final = "SELECT * FROM intake_closed($1::text[])"
_PAUSES: Final = "SELECT mode, reason, paused_by, paused_at FROM intake_pauses"
_OPEN: Final = """
    SELECT mode, current_step, count(*), count(*) FILTER (WHERE parked) FROM orders
    WHERE status = 'RUNNING' GROUP BY mode, current_step ORDER BY mode, current_step"""


async def closed(connection: Connection, modes: Collection[Mode]) -> Pause | None:
    """What closes one of these modes, asked for in the transaction that places.

    A pause waits for that transaction: once it is there, no order comes after it.
    """
    wanted = [mode.value for mode in modes]
    row = await connection.fetchrow(_CLOSED, wanted)
    return None if row is None else Pause(Mode(row[0]), row[1], row[2], row[3])


async def pause(connection: Connection, mode: Mode, reason: str, paused_by: str) -> None:
    """Close the door of a mode; one that is closed keeps its reason."""
    await connection.execute("SELECT intake_pause($1, $2, $3)", mode.value, reason, paused_by)


async def resume(connection: Connection, mode: Mode) -> None:
    """Open it, if it is closed."""
    await connection.execute("DELETE FROM intake_pauses WHERE mode = $1", mode.value)


async def read(connection: Connection) -> list[Intake]:
    """Both modes. What is open is counted after the door is looked at."""
    pauses = {
        Mode(row[0]): Pause(Mode(row[0]), row[1], row[2], row[3])
        for row in await connection.fetch(_PAUSES)
    }
    steps: dict[Mode, dict[str, int]] = {mode: {} for mode in Mode}
    parked = Counter[Mode]()
    for mode, current_step, number, number_parked in await connection.fetch(_OPEN):
        word = STEP_BY_STATE.get(current_step)
        steps[Mode(mode)][word.name if word else current_step] = number
        parked[Mode(mode)] += number_parked
    return [Intake(mode, pauses.get(mode), steps[mode], parked[mode]) for mode in Mode]
