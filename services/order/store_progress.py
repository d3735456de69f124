"""What the progress of a batch is read from: its orders, and what was heard of them.

It changes nothing. It must not know HTTP or Kafka.
"""

from collections.abc import Sequence
from typing import Final

from order.progress import FAILURES_MAX, PARKED, Failure, StepsTold, of_events
from saga.contract import STEP_BY_STATE
from sagakit.shell.ports import Connection

_OPEN_STEP: Final = """
SELECT current_step FROM orders WHERE batch_id = $1 AND status = 'RUNNING'
GROUP BY current_step ORDER BY count(*) DESC, current_step LIMIT 1
"""
# Events are timed by when they were heard: the clocks of others may differ.
_EVENTS: Final = """
SELECT event, array_agg(greatest(0, milliseconds)::int) FROM (
  SELECT event, 1000 * extract(epoch FROM heard_at - lag(heard_at, 1, created_at)
    OVER (PARTITION BY saga_id ORDER BY heard_at, event)) AS milliseconds
  FROM orders JOIN order_events USING (saga_id) WHERE batch_id = $1) AS heard
GROUP BY event
"""
_REFUSED: Final = """
SELECT saga_id, event, reason FROM orders JOIN order_events USING (saga_id)
WHERE batch_id = $1 AND event = ANY($2::text[]) ORDER BY heard_at, saga_id LIMIT $3
"""
_PARKED: Final = """
SELECT saga_id, current_step FROM orders
WHERE batch_id = $1 AND status = 'RUNNING' AND parked ORDER BY created_at, saga_id LIMIT $2
"""
_IDS: Final = "SELECT saga_id FROM orders WHERE batch_id = $1 AND known ORDER BY saga_id"


async def open_step(connection: Connection, batch_id: str) -> str | None:
    """The state in which most open orders are; None where none is open."""
    state: str | None = await connection.fetchval(_OPEN_STEP, batch_id)
    return state


async def choreographed(
    connection: Connection, batch_id: str, refusals: Sequence[tuple[str, str]]
) -> StepsTold:
    """What was heard of the batch's orders. `refusals` are (event, step) that refuse."""
    heard = [(row[0], row[1]) for row in await connection.fetch(_EVENTS, batch_id)]
    steps = dict(refusals)
    rows = await connection.fetch(_REFUSED, batch_id, list(steps), FAILURES_MAX)
    return StepsTold(of_events(heard), [Failure(row[0], steps[row[1]], row[2]) for row in rows])


async def parked(connection: Connection, batch_id: str) -> StepsTold:
    """Orders whose undo waits for a person."""
    rows = await connection.fetch(_PARKED, batch_id, FAILURES_MAX)
    found = [Failure(row[0], STEP_BY_STATE[row[1]].name, PARKED) for row in rows]
    return StepsTold(failures=found)


async def known_ids(connection: Connection, batch_id: str) -> list[str]:
    """The batch's orders that the orchestrator has said it knows."""
    return [row[0] for row in await connection.fetch(_IDS, batch_id)]
