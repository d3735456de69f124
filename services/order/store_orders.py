"""The rows of orders outside the timeline's batch path: placing, saying again, cancelling, and what
a follower learns.

It must not know protobuf, HTTP or the orchestrator's API.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from order.domain import JUST_PLACED, Standing
from order.wire import Saying
from saga.columns import TERMS_COLUMNS, terms_values
from saga.contract import Mode
from saga.terms import Terms
from sagakit.shell.lines import write_lines
from sagakit.shell.ports import Connection, Write


class NewOrder(NamedTuple):
    """An order about to be written. `request_hash` None marks one that nobody asked of us: adopted
    from Kafka.
    """

    saga_id: str
    mode: Mode
    terms: Terms
    occurred_at: datetime
    standing: Standing = JUST_PLACED
    adopted: bool = False
    batch_id: str | None = None
    idempotency_key: str | None = None
    request_hash: bytes | None = None

    @property
    def saying(self) -> Saying:
        """What is said of it."""
        cancel = self.standing.cancel_asked
        return Saying(self.saga_id, self.mode, self.terms, self.occurred_at, cancel)


_PLACED: Final = (
    ("saga_id", "text"),
    ("mode", "text"),
    *TERMS_COLUMNS,
    ("occurred_at", "timestamptz"),
    ("status", "text"),
    ("current_step", "text"),
    ("outcome", "text"),
    ("failure_reason", "text"),
    ("cancel_asked", "boolean"),
    ("adopted", "boolean"),
    ("batch_id", "text"),
    ("idempotency_key", "text"),
    ("request_hash", "bytea"),
    ("silence_seconds", "float8"),
)
_INSERT: Final = """
INSERT INTO orders (saga_id, mode, customer_id, amount_cents, currency, drink, quantity, deadline,
  faults, occurred_at,
  status, current_step, outcome, failure_reason, cancel_asked, ended_at,
  adopted, batch_id, idempotency_key, request_hash, created_at, updated_at, say_again_at)
SELECT saga_id, mode, customer_id, amount_cents, currency, drink, quantity, deadline, faults,
  occurred_at, status, current_step, outcome, failure_reason, cancel_asked,
  CASE WHEN status <> 'RUNNING' THEN clock_timestamp() END,
  adopted, batch_id, idempotency_key, request_hash, clock_timestamp(), clock_timestamp(),
  now() + make_interval(secs => silence_seconds)
FROM {lines}
ON CONFLICT DO NOTHING
"""


async def insert(
    connection: Connection, orders: Sequence[NewOrder], resay_after_seconds: float
) -> set[str]:
    """Write new orders; returns the ids that were new. A saga id or idempotency key that exists is
    left alone.
    """
    new: set[str] = set()
    for one in insertion(orders, resay_after_seconds):
        new.update(
            row[0] for row in await connection.fetch(f"{one.sql} RETURNING saga_id", *one.values)
        )
    return new


def insertion(orders: Sequence[NewOrder], resay_after_seconds: float) -> list[Write]:
    """Write new orders, all of them or nothing; none for no orders."""
    lines = [
        (
            order.saga_id,
            order.mode.value,
            *terms_values(order.terms._replace(amount_cents=order.terms.amount_cents or 0)),
            order.occurred_at,
            order.standing.status.value,
            order.standing.current_step,
            order.standing.outcome and order.standing.outcome.value,
            order.standing.failure_reason,
            order.standing.cancel_asked,
            order.adopted,
            order.batch_id,
            order.idempotency_key,
            order.request_hash,
            resay_after_seconds,
        )
        for order in sorted(orders, key=lambda order: order.saga_id)
    ]
    return write_lines(_INSERT, _PLACED, lines)


@dataclass(frozen=True, slots=True)
class Known:
    """The row that an idempotency key or saga id already belongs to."""

    saga_id: str
    mode: str
    request_hash: bytes | None


async def find_known(
    connection: Connection, saga_id: str, idempotency_key: str | None
) -> Known | None:
    """The order that stands in the way of a new one, the key's first."""
    row = await connection.fetchrow(
        "SELECT saga_id, mode, request_hash FROM orders WHERE idempotency_key = $2 OR saga_id = $1 "
        "ORDER BY (idempotency_key = $2) DESC NULLS LAST LIMIT 1",
        saga_id,
        idempotency_key,
    )
    return None if row is None else Known(row[0], row[1], row[2])


async def count_open(connection: Connection) -> int:
    """How many orders have no end yet."""
    number: int = await connection.fetchval("SELECT count(*) FROM orders WHERE status = 'RUNNING'")
    return number


_SAYING: Final = """saga_id, mode, customer_id, amount_cents, currency, drink, quantity, deadline,
  faults,
 occurred_at, cancel_asked"""


def _saying(row: Any) -> Saying:
    terms = Terms(row[2], row[3], row[4], row[5], row[6], row[7], row[8])
    return Saying(row[0], Mode(row[1]), terms, row[9], row[10])


_DUE: Final = f"""
UPDATE orders AS o SET said = o.said + 1,
  say_again_at = now() + make_interval(secs =>
    least($3 * power(2, least(o.said, 16)), $4) * (0.8 + 0.4 * random()))
FROM (SELECT saga_id AS due_id FROM orders
  WHERE status = 'RUNNING' AND mode = ANY($1::text[]) AND say_again_at <= now()
    AND (mode = 'choreo' OR NOT known OR cancel_asked)
  ORDER BY say_again_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
WHERE o.saga_id = due.due_id
RETURNING {_SAYING}, current_step
"""  # noqa: S608 - only the list of columns is put in


async def claim_due(
    connection: Connection,
    modes: Sequence[str],
    limit: int,
    *,
    resay_after_seconds: float,
    resay_max_seconds: float,
) -> list[tuple[Saying, str]]:
    """Open orders that have been silent for too long, each with its current step; each is due again
    after twice the time, capped, with jitter.

    An orchestrated order whose orchestrator has taken note of all there is to say has
    `say_again_at` at infinity.
    """
    rows = await connection.fetch(_DUE, list(modes), limit, resay_after_seconds, resay_max_seconds)
    return [(_saying(row), row["current_step"]) for row in rows]


async def begin_anew(
    connection: Connection, modes: Sequence[str], resay_after_seconds: float
) -> None:
    """Broker or database came back: everything open is due soon, spread over the first interval."""
    await connection.execute(
        "UPDATE orders SET said = 1, say_again_at = now() + make_interval(secs => $2 * random()) "
        "WHERE status = 'RUNNING' AND mode = ANY($1::text[]) AND say_again_at < 'infinity'",
        list(modes),
        resay_after_seconds,
    )


_CANCEL: Final = f"""
UPDATE orders SET cancel_asked = true, said = 1, say_again_at = now() + make_interval(secs => $2),
  updated_at = clock_timestamp()
WHERE saga_id = ANY($1::text[]) AND status = 'RUNNING' AND NOT cancel_asked
RETURNING {_SAYING}
"""  # noqa: S608 - only the list of columns is put in


async def ask_cancel(
    connection: Connection, saga_ids: Sequence[str], resay_after_seconds: float
) -> list[Saying]:
    """Mark open orders as cancelled; returns what is to be said of those newly marked."""
    rows = await connection.fetch(_CANCEL, list(saga_ids), resay_after_seconds)
    return [_saying(row) for row in rows]
