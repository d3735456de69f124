"""The order service's rows for its choreographed timeline: what a batch loads, and the one
statement a table it writes.

All SQL of the batch path is here; that of placing and reading is beside its callers' needs in
`store_orders`. It must not know protobuf or Kafka.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from order.domain import Heard, Standing, Status
from saga.contract import Outcome
from saga.terms import Terms
from sagakit.shell.lines import write_lines
from sagakit.shell.ports import Connection, Write


class Stored(NamedTuple):
    """What the batch path needs of an order's row. `age_seconds` and `in_step_seconds` (since it
    came where it stands) are measured by the database's clock.
    """

    saga_id: str
    mode: str
    terms: Terms
    standing: Standing
    version: int
    age_seconds: float
    in_step_seconds: float


_STATUSES: Final = {status.value: status for status in Status}
_OUTCOMES: Final = {None: None} | {outcome.value: outcome for outcome in Outcome}
_LOAD: Final = """
SELECT saga_id, mode, amount_cents, currency, status, current_step, outcome, failure_reason,
  cancel_asked, version,
  extract(epoch FROM clock_timestamp() - created_at)::float8 AS age_seconds,
  extract(epoch FROM clock_timestamp() - updated_at)::float8 AS in_step_seconds
FROM orders WHERE saga_id = ANY($1::text[])
"""


async def load(connection: Connection, saga_ids: Iterable[str]) -> dict[str, Stored]:
    """The orders that are known among `saga_ids`. Nothing is locked: writes are guarded by the
    version.
    """
    rows = await connection.fetch(_LOAD, list(saga_ids))
    return {
        row[0]: Stored(
            row[0],
            row[1],
            Terms(amount_cents=row[2], currency=row[3]),
            Standing(_STATUSES[row[4]], row[5], _OUTCOMES[row[6]], row[7], row[8]),
            row[9],
            row[10],
            row[11],
        )
        for row in rows
    }


_EARLIER: Final = """
SELECT saga_id, event, reference, reason, occurred_at FROM order_events
WHERE saga_id = ANY($1::text[]) ORDER BY heard_at
"""


async def earlier_events(connection: Connection, saga_ids: Iterable[str]) -> dict[str, list[Heard]]:
    """What was heard of sagas before their order-requested was, in the order of hearing."""
    found: dict[str, list[Heard]] = {}
    for row in await connection.fetch(_EARLIER, list(saga_ids)):
        found.setdefault(row[0], []).append(Heard(row[0], row[1], row[2], row[3], row[4]))
    return found


_DRAWN: Final = (
    ("saga_id", "text"),
    ("event", "text"),
    ("reference", "text"),
    ("reason", "text"),
    ("occurred_at", "timestamptz"),
    ("repeats", "integer"),
    ("place", "integer"),
)
_AGAIN: Final = "count(*) FILTER (WHERE again)"
_DRAW: Final = """
INSERT INTO order_events AS known
  (saga_id, event, reference, reason, occurred_at, repeats, heard_at)
SELECT saga_id, event, reference, reason, occurred_at, repeats,
  statement_timestamp() + place * interval '1 microsecond' FROM {lines}
ON CONFLICT (saga_id, event) DO UPDATE SET repeats = known.repeats + excluded.repeats + 1
"""


def drawing(events: dict[tuple[str, str], list[Any]]) -> list[Write]:
    """Write the timeline: `events` maps (saga, event) to [Heard, times heard in this batch].
    Measures how many were drawn before.

    Sorted, because two processes that write the same sagas in different order would deadlock; the
    time of hearing keeps the order of the batch, a microsecond apart.
    """
    lines = sorted(
        (saga_id, event, place, times - 1, heard)
        for place, ((saga_id, event), (heard, times)) in enumerate(events.items())
    )
    drawn = [
        (saga_id, event, heard.reference, heard.reason, heard.occurred_at, repeats, place)
        for saga_id, event, place, repeats, heard in lines
    ]
    return [
        one._replace(rows=None, returning="xmax <> 0 AS again", measure=_AGAIN)
        for one in write_lines(_DRAW, _DRAWN, drawn)
    ]


_MOVED: Final = (
    ("saga_id", "text"),
    ("version", "integer"),
    ("status", "text"),
    ("current_step", "text"),
    ("outcome", "text"),
    ("failure_reason", "text"),
    ("cancel_asked", "boolean"),
    ("silence_seconds", "float8"),
)
_MOVE: Final = """
UPDATE orders AS o SET status = line.status, current_step = line.current_step,
  outcome = line.outcome, failure_reason = line.failure_reason,
  cancel_asked = o.cancel_asked OR line.cancel_asked,
  parked = false, said = 1,
  say_again_at = now() + make_interval(secs => line.silence_seconds),
  ended_at = CASE WHEN line.status <> 'RUNNING' THEN clock_timestamp() END,
  updated_at = clock_timestamp(), version = o.version + 1
FROM {lines}
WHERE o.saga_id = line.saga_id AND o.version = line.version
"""


def moves(changed: Sequence[tuple[Stored, Standing]], resay_after_seconds: float) -> list[Write]:
    """Write new standings, each guarded by the version that was loaded.

    What moves has been heard of just now, so saying it again starts anew.
    """
    lines = [
        (
            stored.saga_id,
            stored.version,
            standing.status.value,
            standing.current_step,
            standing.outcome and standing.outcome.value,
            standing.failure_reason,
            standing.cancel_asked,
            resay_after_seconds,
        )
        for stored, standing in sorted(changed, key=lambda pair: pair[0].saga_id)
    ]
    return write_lines(_MOVE, _MOVED, lines)


_TIMELINES: Final = """
SELECT saga_id, string_agg(event || CASE WHEN reason <> '' THEN ' (' || reason || ')' ELSE '' END,
  ' > ' ORDER BY heard_at)
FROM order_events WHERE saga_id = ANY($1::text[]) GROUP BY saga_id ORDER BY max(heard_at)
"""


async def timelines(connection: Connection, saga_ids: Iterable[str]) -> list[str]:
    """One printable line a saga: what was heard of it, in the order of hearing."""
    rows = await connection.fetch(_TIMELINES, list(saga_ids))
    return [f"TIMELINE saga={row[0]} {row[1]}" for row in rows]
