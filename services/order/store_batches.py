"""The rows of batches: what was asked for, how far it is placed, and what has become of its orders.

It must not know HTTP or Kafka.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sagakit.shell.ports import Connection


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One batch. `terms` is the draft of its orders as JSON; `age_seconds` is by the database's
    clock.
    """

    batch_id: str
    request_hash: bytes
    mode: str
    orders: int
    rate_per_second: float | None
    terms: dict[str, Any]
    placed: int
    cancel_asked: bool
    created_at: datetime
    age_seconds: float


_COLUMNS: Final = """batch_id, request_hash, mode, orders, rate_per_second, terms, placed,
  cancel_asked, created_at,
  extract(epoch FROM clock_timestamp() - created_at)::float8"""

_INSERT: Final = """
INSERT INTO batches (batch_id, request_hash, mode, orders, rate_per_second, terms, created_at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, clock_timestamp()) ON CONFLICT DO NOTHING
"""


def _row(row: Any) -> BatchRow:
    values = list(row)
    values[5] = json.loads(values[5])
    return BatchRow(*values)


async def insert(  # noqa: PLR0913 - one argument a column
    connection: Connection,
    batch_id: str,
    request_hash: bytes,
    mode: str,
    orders: int,
    rate_per_second: float | None,
    terms: dict[str, Any],
) -> bool:
    """Write a new batch; False where the id exists."""
    tag = await connection.execute(
        _INSERT, batch_id, request_hash, mode, orders, rate_per_second, json.dumps(terms)
    )
    return tag.endswith(" 1")


async def find(connection: Connection, batch_id: str) -> BatchRow | None:
    """One batch, or None."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM batches WHERE batch_id = $1",  # noqa: S608 - columns only
        batch_id,
    )
    return None if row is None else _row(row)


async def unplaced(connection: Connection, modes: Sequence[str], limit: int) -> list[BatchRow]:
    """Batches whose orders are not all placed, oldest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM batches "  # noqa: S608 - columns only
        "WHERE placed < orders AND NOT cancel_asked AND mode = ANY($1::text[]) "
        "ORDER BY created_at, batch_id LIMIT $2",
        list(modes),
        limit,
    )
    return [_row(row) for row in rows]


async def advance(connection: Connection, batch_id: str, before: int, after: int) -> bool:
    """Move the mark of what is placed, guarded by where it was; False where another process was
    faster.
    """
    tag = await connection.execute(
        "UPDATE batches SET placed = $3 WHERE batch_id = $1 AND placed = $2 AND NOT cancel_asked",
        batch_id,
        before,
        after,
    )
    return tag.endswith(" 1")


async def ask_cancel(connection: Connection, batch_id: str) -> bool:
    """Place no more of it; False for an unknown batch."""
    tag = await connection.execute(
        "UPDATE batches SET cancel_asked = true WHERE batch_id = $1", batch_id
    )
    return tag.endswith(" 1")


async def cancellable(connection: Connection, batch_id: str, limit: int) -> list[str]:
    """Open orders of the batch that carry no cancel mark yet."""
    rows = await connection.fetch(
        "SELECT saga_id FROM orders WHERE batch_id = $1 AND status = 'RUNNING' "
        "AND NOT cancel_asked ORDER BY saga_id LIMIT $2",
        batch_id,
        limit,
    )
    return [row[0] for row in rows]


_COUNTS: Final = """
SELECT count(*) FILTER (WHERE status = 'RUNNING' AND NOT parked) AS running,
  count(*) FILTER (WHERE outcome = 'completed') AS completed,
  count(*) FILTER (WHERE outcome = 'compensated') AS compensated,
  count(*) FILTER (WHERE outcome = 'rejected') AS rejected,
  count(*) FILTER (WHERE status = 'RUNNING' AND parked) AS parked,
  count(*) FILTER (WHERE status = 'FAILED' AND failure_reason = 'cancelled') AS cancelled,
  max(ended_at) AS last_ended_at
FROM orders WHERE batch_id = $1
"""


async def counts(connection: Connection, batch_id: str) -> dict[str, Any]:
    """What has become of the batch's orders: the first five numbers sum to what is placed."""
    row = await connection.fetchrow(_COUNTS, batch_id)
    return {} if row is None else dict(row)
