"""What people and `order` ask of `saga_state` and `saga_history`: the SQL of the reading side.

It changes nothing and takes no lock, so that no question can hold up a saga.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from sagakit.shell.ports import Connection

_COLUMNS: Final = """
    saga_id, customer_id, amount_cents, currency, drink, quantity, deadline, current_step, status,
    last_event, payment_id, reservation_id, shipment_id, failure_reason, cancel_asked, attempts,
    parked_at, said, version, created_at, updated_at"""

_BY_IDS: Final = f"SELECT {_COLUMNS} FROM saga_state WHERE saga_id = ANY($1)"  # noqa: S608
_HISTORY: Final = """
    SELECT saga_id, version, source, target, event, reason, created_at FROM saga_history
    WHERE saga_id = ANY($1) ORDER BY saga_id, version"""
# Newest first. Where many thousands match this sorts them all; what runs is found by its index.
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM saga_state
    WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR current_step = $2)
        AND ($3::timestamptz IS NULL OR (created_at, saga_id) < ($3, $4::text))
    ORDER BY created_at DESC, saga_id DESC LIMIT $5"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the last saga on it."""

    created_at: datetime
    saga_id: str


async def by_ids(connection: Connection, ids: Sequence[str]) -> list[asyncpg.Record]:
    """Fetch the rows of those that are known, in no order."""
    return await connection.fetch(_BY_IDS, ids)


async def histories(connection: Connection, ids: Sequence[str]) -> dict[str, list[asyncpg.Record]]:
    """Fetch every transition of these sagas, in order."""
    found: dict[str, list[asyncpg.Record]] = {}
    for row in await connection.fetch(_HISTORY, ids):
        found.setdefault(row["saga_id"], []).append(row)
    return found


async def page(
    connection: Connection, status: str | None, step: str | None, after: Place | None, limit: int
) -> list[asyncpg.Record]:
    """Fetch the newest sagas after a place, at most `limit`."""
    created_at, saga_id = (after.created_at, after.saga_id) if after else (None, None)
    return await connection.fetch(_PAGE, status, step, created_at, saga_id, limit)
