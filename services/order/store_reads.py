"""What people ask of the orders: one, a page of them, and a timeline. Changes nothing and takes no
lock.

It must not know HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sagakit.shell.ports import Connection

_COLUMNS: Final = """
saga_id, mode, customer_id, amount_cents, currency, drink, quantity, deadline, faults, status,
  outcome, current_step,
failure_reason, adopted, known, cancel_asked, parked, said, batch_id, occurred_at, created_at,
  updated_at, ended_at"""

_OPEN: Final = "RUNNING"
_PAGE_END: Final = "ORDER BY created_at DESC, saga_id DESC LIMIT"

_TIMELINE: Final = """
SELECT event, reference, reason, occurred_at, heard_at, repeats FROM order_events
WHERE saga_id = $1 ORDER BY heard_at, event
"""


_IN_FLIGHT: Final = """
SELECT current_step, count(*), extract(epoch FROM min(updated_at))::float8 FROM orders
WHERE status = 'RUNNING' AND mode = 'choreo' GROUP BY current_step
"""


@dataclass(frozen=True, slots=True)
class Query:
    """Which orders are asked for; None means all. `silent_seconds`: open, and parked or nothing
    heard for so long.
    """

    mode: str | None = None
    status: str | None = None
    silent_seconds: float | None = None
    since: datetime | None = None
    before: tuple[datetime, str] | None = None
    current_step: str | None = None

    def conditions(self) -> tuple[list[str], list[Any]]:
        """What is asked, as SQL, and its values.

        Only what is asked is written, and what is open by its own word: so the planner sees that
        the index of open orders serves, however many have ended.
        """
        asked: list[str] = []
        values: list[Any] = []
        for sql, *given in (
            ("mode = ${}", self.mode),
            ("status = ${}", None if self.status == _OPEN else self.status),
            ("current_step = ${}", self.current_step),
            ("(parked OR updated_at < now() - make_interval(secs => ${}))", self.silent_seconds),
            ("created_at >= ${}", self.since),
            ("(created_at, saga_id) < (${}, ${})", *(self.before or (None,))),
        ):
            if given[0] is not None:
                places = range(len(values) + 1, len(values) + 1 + len(given))
                asked.append(sql.format(*places))
                values += given
        if self.status == _OPEN or self.silent_seconds is not None or self.current_step:
            asked.append(f"status = '{_OPEN}'")
        return asked, values


async def one(connection: Connection, saga_id: str) -> dict[str, Any] | None:
    """One order's row."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM orders WHERE saga_id = $1",  # noqa: S608 - columns only
        saga_id,
    )
    return None if row is None else dict(row)


async def page(connection: Connection, query: Query, limit: int) -> Sequence[dict[str, Any]]:
    """The youngest orders that fit, at most `limit`."""
    asked, values = query.conditions()
    where = f"WHERE {' AND '.join(asked)}" if asked else ""
    sql = f"SELECT {_COLUMNS} FROM orders {where} {_PAGE_END} {limit:d}"  # noqa: S608 - own words
    return [dict(row) for row in await connection.fetch(sql, *values)]


async def timeline(connection: Connection, saga_id: str) -> list[dict[str, Any]]:
    """What was heard of a choreographed saga, in the order of hearing."""
    return [dict(row) for row in await connection.fetch(_TIMELINE, saga_id)]


async def in_flight(connection: Connection) -> list[tuple[str, int, float]]:
    """Open choreographed orders by current step: how many, and since when the oldest is there.

    An open order is written again only when it moves, or once when its cancel is asked.
    """
    return [(row[0], row[1], row[2]) for row in await connection.fetch(_IN_FLIGHT)]
