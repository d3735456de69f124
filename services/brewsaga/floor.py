"""The floor under the benchmark: the rows of completed sagas written straight into Postgres, and
nothing else.

No Kafka, no decisions, no outbox: one batch a transaction and a database, in the order in which a
saga would write them. No system that keeps these rows on this Postgres can be faster. Knows the
tables, and no service's code.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Final

import asyncpg

from saga.contract import Mode

BATCH: Final = 500
_PARTICIPANTS: Final = (
    ("payment", "payments", "payment_id"),
    ("inventory", "reservations", "reservation_id"),
    ("shipment", "shipments", "shipment_id"),
)


async def floor_sagas_per_second(urls: Mapping[str, str], mode: Mode, sagas: int) -> float:
    """Write the rows of `sagas` completed sagas of `mode`, then put stock and tables back as they
    were.
    """
    connections = {name: await asyncpg.connect(url) for name, url in urls.items()}
    try:
        begun = time.perf_counter()
        for _ in range(0, sagas, BATCH):
            ids = [f"floor-{uuid.uuid4()}" for _ in range(BATCH)]
            await _order(connections["order"], mode, ids)
            if mode is Mode.ORCH:
                await _orchestrator(connections["orchestrator"], ids)
            await _participants(connections, mode, ids)
        return round(sagas / (time.perf_counter() - begun), 1)
    finally:
        for connection in connections.values():
            await connection.close()


async def _order(connection: asyncpg.Connection, mode: Mode, ids: list[str]) -> None:
    await connection.execute(
        "INSERT INTO orders (saga_id, mode, customer_id, amount_cents, currency, say_again_at,"
        " status, outcome, ended_at) SELECT id, $2, 'floor', 300, 'EUR', now(), 'SUCCESS',"
        " 'completed', now() FROM unnest($1::text[]) AS id",
        ids,
        mode.value,
    )
    if mode is Mode.CHOREO:
        for event in (
            "order-requested",
            "payment-completed",
            "inventory-reserved",
            "shipment-scheduled",
        ):
            await connection.execute(
                "INSERT INTO order_events (saga_id, event)"
                " SELECT id, $2 FROM unnest($1::text[]) id",
                ids,
                event,
            )


async def _orchestrator(connection: asyncpg.Connection, ids: list[str]) -> None:
    await connection.execute(
        "INSERT INTO saga_state (saga_id, customer_id, amount_cents, currency, current_step,"
        " status, last_event) SELECT id, 'floor', 300, 'EUR', 'DONE', 'SUCCESS', ''"
        " FROM unnest($1::text[]) AS id",
        ids,
    )
    for version in range(1, 5):
        await connection.execute(
            "INSERT INTO saga_history (saga_id, version, source, target, event)"
            " SELECT id, $2, '', '', '' FROM unnest($1::text[]) AS id",
            ids,
            version,
        )


async def _participants(
    connections: Mapping[str, asyncpg.Connection], mode: Mode, ids: list[str]
) -> None:
    for service, table, reference in _PARTICIPANTS:
        await connections[service].execute(
            f"INSERT INTO {table} (saga_id, mode, outcome, {reference}, occurred_at)"  # noqa: S608
            " SELECT id, $2, 'DONE', id, now() FROM unnest($1::text[]) AS id",
            ids,
            mode.value,
        )
    await connections["payment"].execute(
        "INSERT INTO ledger (saga_id, kind, account, amount_cents, currency)"
        " SELECT id, 'charge', account, cents, 'EUR' FROM unnest($1::text[]) AS id,"
        " (VALUES ('customer', -300), ('shop', 300)) AS entry (account, cents)",
        ids,
    )
    await connections["inventory"].execute(
        "INSERT INTO stock_moves (saga_id, kind, ingredient, units)"
        " SELECT id, 'reserve', ingredient, units FROM unnest($1::text[]) AS id,"
        " (VALUES ('beans', 18), ('cups', 1)) AS taken (ingredient, units)",
        ids,
    )
    await connections["shipment"].execute(
        "INSERT INTO assignments (saga_id, courier_id) SELECT id, 'ada' FROM unnest($1::text[]) id",
        ids,
    )
