"""What the follower reads and writes: open orchestrated orders, and what the orchestrator said of
them.

It must not know HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from saga.contract import Outcome
from sagakit.shell.ports import Connection


@dataclass(frozen=True, slots=True)
class Report:
    """What the orchestrator says of one saga. `cancel_noted` is whether it has heard the cancel
    mark.
    """

    saga_id: str
    status: str
    current_step: str
    outcome: Outcome | None
    failure_reason: str
    parked: bool
    cancel_noted: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """An end that was recorded just now. The duration is measured by the database's clock."""

    saga_id: str
    outcome: str
    duration_seconds: float


Place = tuple[datetime, str]
"""Where a page of open orders ends: (created_at, saga_id)."""

_OPEN: Final = """
SELECT created_at, saga_id FROM orders
WHERE status = 'RUNNING' AND mode = 'orch'
  AND created_at >= $1 AND (created_at, saga_id) > ($1, $2::text)
ORDER BY created_at, saga_id LIMIT $3
"""
FIRST: Final[Place] = (datetime.min.replace(tzinfo=UTC), "")


async def open_page(connection: Connection, after: Place, limit: int) -> list[Place]:
    """The next open orchestrated orders after a place, oldest first."""
    return [(row[0], row[1]) for row in await connection.fetch(_OPEN, *after, limit)]


_RECORD: Final = """
UPDATE orders AS o SET known = true, current_step = n.current_step, status = n.status, outcome =
  n.outcome,
  failure_reason = n.failure_reason, parked = n.parked,
  say_again_at = CASE WHEN NOT o.cancel_asked OR n.cancel_noted THEN 'infinity' ELSE o.say_again_at
  END,
  ended_at = CASE WHEN n.status <> 'RUNNING' THEN clock_timestamp() END,
  updated_at = clock_timestamp(), version = o.version + 1
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::bool[])
  AS n(saga_id, status, current_step, outcome, failure_reason, parked, cancel_noted)
WHERE o.saga_id = n.saga_id AND o.ended_at IS NULL AND o.mode = 'orch' AND NOT (
  o.known AND o.status = n.status AND o.current_step = n.current_step AND o.parked = n.parked
  AND o.failure_reason = n.failure_reason
  AND (o.say_again_at = 'infinity' OR (o.cancel_asked AND NOT n.cancel_noted)))
RETURNING o.saga_id, o.outcome, extract(epoch FROM o.ended_at - o.created_at)::float8
"""


async def record(connection: Connection, reports: Sequence[Report]) -> list[Ended]:
    """Write what was learnt where it is new; an order that has its end keeps it. Returns the ends
    recorded now.
    """
    reports = sorted(reports, key=lambda report: report.saga_id)
    rows = await connection.fetch(
        _RECORD,
        [report.saga_id for report in reports],
        [report.status for report in reports],
        [report.current_step for report in reports],
        [report.outcome and report.outcome.value for report in reports],
        [report.failure_reason for report in reports],
        [report.parked for report in reports],
        [report.cancel_noted for report in reports],
    )
    return [Ended(row[0], row[1], row[2]) for row in rows if row[1] is not None]
