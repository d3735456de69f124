"""The counts that are looked at live: what is open, how the youngest orders ended, who is stuck.

Each question costs the same however many orders have ended: what is open has an index of its own,
and of the ended ones only the youngest are read. It must not know HTTP.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sagakit.shell.ports import Connection

RECENT_ORDERS: Final = 2_000
"""How many of the youngest orders the counts of ends are of."""

STUCK_SHOWN_MAX: Final = 10

# An orchestrated order that the orchestrator does not know yet is owed by it; see `domain.owed_by`.
_OPEN: Final = """
SELECT mode, current_step, count(*),
  count(*) FILTER (WHERE parked),
  count(*) FILTER (WHERE NOT parked AND updated_at < now() - make_interval(secs => $1)),
  extract(epoch FROM now() - min(updated_at))::float8
FROM orders WHERE status = 'RUNNING' GROUP BY mode, current_step
"""
_ENDS: Final = """
SELECT mode, outcome, count(*),
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP
    (ORDER BY extract(epoch FROM ended_at - created_at)::float8)
FROM (SELECT mode, outcome, created_at, ended_at FROM orders
  ORDER BY created_at DESC, saga_id DESC LIMIT $1) AS recent
WHERE outcome IS NOT NULL GROUP BY mode, outcome
"""
_STUCK: Final = """
SELECT saga_id FROM orders
WHERE status = 'RUNNING' AND (parked OR updated_at < now() - make_interval(secs => $1))
ORDER BY updated_at LIMIT $2
"""
_YOUNGEST: Final = """
SELECT saga_id FROM (SELECT saga_id, mode, created_at FROM orders
  ORDER BY created_at DESC, saga_id DESC LIMIT $2) AS recent
WHERE mode = $1 ORDER BY created_at DESC LIMIT 1
"""


class Open(NamedTuple):
    """Open orders of one mode in one step; `oldest_seconds` is the longest silence among them."""

    mode: str
    current_step: str
    orders: int
    parked: int
    stuck: int
    oldest_seconds: float


class Ends(NamedTuple):
    """How many of the youngest orders of a mode ended so, and how long that took."""

    mode: str
    outcome: str
    orders: int
    p50_seconds: float
    p95_seconds: float


async def open_orders(connection: Connection, stuck_after_seconds: float) -> list[Open]:
    """Count what is open, by mode and step."""
    rows = await connection.fetch(_OPEN, stuck_after_seconds)
    return [Open(row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows]


async def recent_ends(connection: Connection) -> list[Ends]:
    """Count the ends among the youngest orders."""
    rows = await connection.fetch(_ENDS, RECENT_ORDERS)
    return [Ends(row[0], row[1], row[2], row[3][0], row[3][1]) for row in rows]


async def stuck_ids(connection: Connection, stuck_after_seconds: float) -> Sequence[str]:
    """The orders of which nothing was learnt for longest, and those that wait for a person."""
    rows: Sequence[Any] = await connection.fetch(_STUCK, stuck_after_seconds, STUCK_SHOWN_MAX)
    return [row[0] for row in rows]


async def youngest_id(connection: Connection, mode: str) -> str | None:
    """The order of a mode that was placed last; None where none of the youngest is of it."""
    found: str | None = await connection.fetchval(_YOUNGEST, mode, RECENT_ORDERS)
    return found
