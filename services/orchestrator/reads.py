"""What people and `order` ask of `saga_state` and `saga_history`: the SQL of the reading side.

It changes nothing and takes no lock, so that no question can hold up a saga.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from orchestrator.brew import FLOWS
from orchestrator.domain import REFERENCE_NAMES
from sagakit.core.repair import Choice
from sagakit.shell.paging import Place
from sagakit.shell.ports import Connection

_REFERENCES: Final = ", ".join(REFERENCE_NAMES.values())
_COLUMNS: Final = f"""
    saga_id, customer_id, amount_cents, currency, drink, quantity, deadline, current_step, status,
    last_event, {_REFERENCES}, failure_reason, cancel_asked, attempts,
    parked_at, said, version, flow_version, created_at, updated_at"""

_ONE: Final = f"SELECT {_COLUMNS} FROM saga_state WHERE saga_id = $1"  # noqa: S608
_HISTORY: Final = """
    SELECT version, source, target, event, reason, created_at FROM saga_history
    WHERE saga_id = $1 AND version <= $2 ORDER BY version"""
_STANDINGS: Final = """
    SELECT saga_id, status, current_step, last_event, failure_reason, parked_at IS NOT NULL,
        cancel_asked
    FROM saga_state WHERE saga_id = ANY($1) AND (status <> 'RUNNING' OR NOT $2)"""
# Newest first. Where many thousands match this sorts them all; what runs is found by its index.
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM saga_state
    WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR current_step = $2)
        AND ($3::timestamptz IS NULL OR (created_at, saga_id) < ($3, $4::text))
    ORDER BY created_at DESC, saga_id DESC LIMIT $5"""  # noqa: S608

# An open saga's row is written again without a move for a refused undo or a noted cancel alone.
_IN_FLIGHT: Final = """
    SELECT open.current_step, count(*), count(*) FILTER (WHERE open.parked_at IS NOT NULL),
        extract(epoch FROM min(coalesce(moved.at, open.updated_at)))::float8
    FROM saga_state AS open LEFT JOIN LATERAL (
        SELECT max(created_at) AS at FROM saga_history
        WHERE (open.attempts > 0 OR open.cancel_asked) AND saga_id = open.saga_id
            AND source <> target) AS moved ON true
    WHERE open.status = 'RUNNING' AND open.flow_version = ANY($1::integer[])
    GROUP BY open.current_step"""
_WITHOUT_DEFINITION: Final = """
    SELECT flow_version, count(*) FROM saga_state
    WHERE status = 'RUNNING' AND flow_version <> ALL($1::integer[]) GROUP BY flow_version"""

# What stays where it is (a refused undo, a noted cancel) ends no step and begins none.
_MOVES: Final = """
    SELECT source, event, array_agg(milliseconds) FROM (
        SELECT source, event, reason, (1000 * extract(epoch FROM created_at - lag(created_at)
            OVER (PARTITION BY saga_id ORDER BY version)))::int AS milliseconds
        FROM saga_history WHERE saga_id = ANY($1) AND source <> target) AS moved
    WHERE milliseconds IS NOT NULL GROUP BY source, event"""
_REFUSALS: Final = """
    SELECT saga_id, source, reason FROM saga_history
    WHERE saga_id = ANY($1) AND source <> target AND event LIKE '% refused'
    ORDER BY created_at, saga_id LIMIT $2"""


_CHOSEN: Final = """
    SELECT saga_id, current_step, attempts, failure_reason AS reason, parked_at, say_again_at,
        updated_at, created_at
    FROM saga_state WHERE status = 'RUNNING' AND ($1::text[] IS NULL OR saga_id = ANY($1))
        AND ($2::text[] IS NULL OR current_step = ANY($2))
        AND ($3::boolean IS NULL OR (parked_at IS NOT NULL) = $3)
        AND ($4::text IS NULL OR failure_reason = $4)
        AND ($5::timestamptz IS NULL OR coalesce(parked_at, updated_at) >= $5)
        AND saga_id > $6
    ORDER BY saga_id LIMIT $7"""
_PARKED: Final = _CHOSEN.replace(
    "($3::boolean IS NULL OR (parked_at IS NOT NULL) = $3)", "$3::boolean AND parked_at IS NOT NULL"
)
"""The same, found by the index of what is parked."""


async def chosen(
    connection: Connection,
    choice: Choice,
    states: Sequence[str] | None,
    parked: bool | None,  # noqa: FBT001 - None: both
) -> list[asyncpg.Record]:
    """Fetch the open sagas that a person chose, by saga id, at most a page of them."""
    ids = None if choice.ids is None else list(choice.ids)
    where = (ids, states, parked, choice.reason, choice.since, choice.after, choice.limit)
    return await connection.fetch(_PARKED if parked else _CHOSEN, *where)


async def one(connection: Connection, saga_id: str) -> dict[str, Any] | None:
    """Fetch one saga with its history; None where it is not known."""
    row = await connection.fetchrow(_ONE, saga_id)
    if row is None:
        return None
    history = await connection.fetch(_HISTORY, saga_id, row["version"])
    return {**dict(row), "history": [dict(entry) for entry in history]}


async def in_flight(connection: Connection) -> list[tuple[str, int, int, float]]:
    """Open sagas by state: how many, how many are parked, since when the oldest is there."""
    rows = await connection.fetch(_IN_FLIGHT, list(FLOWS))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def without_definition(connection: Connection) -> dict[int, int]:
    """How many open sagas began on each version that is not carried here."""
    rows = await connection.fetch(_WITHOUT_DEFINITION, list(FLOWS))
    return {row[0]: row[1] for row in rows}


async def standings(
    connection: Connection, ids: Sequence[str], *, ended_only: bool
) -> list[asyncpg.Record]:
    """Fetch where these sagas stand, as far as they are known, in no order.

    Columns: saga id, status, current step, last event, failure reason, parked, cancel asked.
    """
    return await connection.fetch(_STANDINGS, ids, ended_only)


async def step_times(
    connection: Connection, ids: Sequence[str]
) -> list[tuple[str, str, list[int]]]:
    """Fetch how these sagas left their steps: state, event, and the milliseconds of each."""
    return [(row[0], row[1], row[2]) for row in await connection.fetch(_MOVES, ids)]


async def refusals(
    connection: Connection, ids: Sequence[str], limit: int
) -> list[tuple[str, str, str]]:
    """Fetch the first refused steps of these sagas: saga id, state, reason."""
    rows = await connection.fetch(_REFUSALS, ids, limit)
    return [(row[0], row[1], row[2]) for row in rows]


async def page(
    connection: Connection, status: str | None, step: str | None, after: Place | None, limit: int
) -> list[asyncpg.Record]:
    """Fetch the newest sagas after a place, at most `limit`."""
    created_at, saga_id = (after.created_at, after.saga_id) if after else (None, None)
    return await connection.fetch(_PAGE, status, step, created_at, saga_id, limit)
