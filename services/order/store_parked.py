"""Which choreographed orders are parked, as it was told. It must not know by whom."""

from collections.abc import Sequence
from typing import Final

from saga.contract import STEPS, UNDO_NAMES
from sagakit.shell.ports import Connection

_UNDOING: Final = [word.current_step for word in STEPS if word.name in UNDO_NAMES]
_ANY: Final = """
SELECT EXISTS (SELECT FROM orders WHERE status = 'RUNNING' AND mode = 'choreo'
  AND (parked OR current_step = ANY($1::text[])))
"""
# A row that moves is not parked any more: whoever writes the move says so.
_PARK: Final = """
UPDATE orders SET parked = true
WHERE saga_id = ANY($1::text[]) AND status = 'RUNNING' AND mode = 'choreo' AND NOT parked
"""
_UNPARK: Final = """
UPDATE orders SET parked = false
WHERE saga_id <> ALL($1::text[]) AND status = 'RUNNING' AND mode = 'choreo' AND parked
"""


async def any_undoing(connection: Connection) -> bool:
    """Whether any open order may be parked."""
    found: bool = await connection.fetchval(_ANY, _UNDOING)
    return found


async def record(connection: Connection, saga_ids: Sequence[str], *, all_known: bool) -> None:
    """These are parked; the others are not, where everyone has answered.

    The time of the last move and the version stay: nothing moved.
    """
    await connection.execute(_PARK, saga_ids)
    if all_known:
        await connection.execute(_UNPARK, saga_ids)
