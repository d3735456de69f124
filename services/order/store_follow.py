"""What the follower reads and writes: open orchestrated orders, and what the orchestrator said of
them.

It must not know HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from saga.contract import Outcome
from sagakit.shell.lines import write_lines
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
  AND (created_at, saga_id) > ($1, $2::text)
ORDER BY created_at, saga_id LIMIT $3
"""
FIRST: Final[Place] = (datetime.min.replace(tzinfo=UTC), "")


async def open_page(connection: Connection, after: Place, limit: int) -> list[Place]:
    """The next open orchestrated orders after a place, oldest first."""
    return [(row[0], row[1]) for row in await connection.fetch(_OPEN, *after, limit)]


_REPORT: Final = (
    ("saga_id", "text"),
    ("status", "text"),
    ("current_step", "text"),
    ("outcome", "text"),
    ("failure_reason", "text"),
    ("parked", "boolean"),
    ("cancel_noted", "boolean"),
)
# The rows are looked up by their keys before anything is asked of them: where the planner may put
# what is asked first, it reads every order once a report.
_RECORD: Final = """
WITH news AS MATERIALIZED (
  SELECT line.*, known.version FROM {lines} CROSS JOIN LATERAL (
    SELECT * FROM orders WHERE orders.saga_id = line.saga_id OFFSET 0) AS known
  WHERE known.ended_at IS NULL AND known.mode = 'orch' AND NOT (
    known.known AND known.status = line.status AND known.current_step = line.current_step
    AND known.parked = line.parked AND known.failure_reason = line.failure_reason
    AND (known.say_again_at = 'infinity' OR (known.cancel_asked AND NOT line.cancel_noted))))
UPDATE orders AS o SET known = true, current_step = news.current_step, status = news.status,
  outcome = news.outcome, failure_reason = news.failure_reason, parked = news.parked,
  say_again_at = CASE WHEN NOT o.cancel_asked OR news.cancel_noted THEN 'infinity'
    ELSE o.say_again_at END,
  ended_at = CASE WHEN news.status <> 'RUNNING' THEN clock_timestamp() END,
  updated_at = clock_timestamp(), version = o.version + 1
FROM news WHERE o.saga_id = news.saga_id AND o.version = news.version
RETURNING o.saga_id, o.outcome, extract(epoch FROM o.ended_at - o.created_at)::float8
"""


async def record(connection: Connection, reports: Sequence[Report]) -> list[Ended]:
    """Write what was learnt where it is new; an order that has its end keeps it. Returns the ends
    recorded now.
    """
    lines = [
        (
            report.saga_id,
            report.status,
            report.current_step,
            report.outcome and report.outcome.value,
            report.failure_reason,
            report.parked,
            report.cancel_noted,
        )
        for report in sorted(reports, key=lambda report: report.saga_id)
    ]
    rows: list[Any] = []
    for one in write_lines(_RECORD, _REPORT, lines):
        rows += await connection.fetch(one.sql, *one.values)
    return [Ended(row[0], row[1], row[2]) for row in rows if row[1] is not None]
