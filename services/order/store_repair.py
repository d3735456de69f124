"""The rows of orders as a person's verbs choose and change them. It must not know why."""

from collections.abc import Sequence
from typing import Any, Final

from order.store_orders import ask_cancel
from sagakit.core.repair import Choice
from sagakit.shell.lines import write_lines
from sagakit.shell.ports import Connection, Write

__all__ = ["ask_cancel", "chosen", "hastened"]

_CHOSEN: Final = """
SELECT saga_id, mode, status, outcome, current_step, cancel_asked, parked, known FROM orders
WHERE ($1::text[] IS NOT NULL OR status = 'RUNNING')
  AND ($1::text[] IS NULL OR saga_id = ANY($1)) AND ($2::text IS NULL OR mode = $2)
  AND ($3::text IS NULL OR current_step = $3) AND ($4::text IS NULL OR failure_reason = $4)
  AND ($5::timestamptz IS NULL OR created_at >= $5) AND saga_id > $6
ORDER BY saga_id LIMIT $7
"""
_HASTENED: Final = (("saga_id", "text"),)
_HASTEN: Final = """
UPDATE orders AS o SET said = 0, say_again_at = now() FROM {lines}
WHERE o.saga_id = line.saga_id AND o.status = 'RUNNING'
"""


async def chosen(connection: Connection, choice: Choice, step: str | None) -> Sequence[Any]:
    """The orders that a person chose, by saga id, at most a page; by a filter only open ones."""
    ids = None if choice.ids is None else list(choice.ids)
    where = (ids, choice.mode, step, choice.reason, choice.since, choice.after, choice.limit)
    return await connection.fetch(_CHOSEN, *where)


def hastened(saga_ids: Sequence[str]) -> list[Write]:
    """Make open orders due now."""
    return write_lines(_HASTEN, _HASTENED, [(saga_id,) for saga_id in sorted(saga_ids)])
