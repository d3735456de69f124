"""Read the databases as they are, for the audit: plain SQL, no service's code.

The order and orchestrator databases are read first: what they call ended must be found done or
undone in the others, which are read later, so that a running system gives no false alarm. Every
database is read in one snapshot.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

Row = Mapping[str, Any]

TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "order": ("orders", "batches", "order_events", "pruned_orders"),
    "orchestrator": ("saga_state", "saga_history", "pruned_sagas"),
    "shipment": ("shipments", "assignments"),
    "inventory": ("reservations", "stock", "stock_moves"),
    "payment": ("payments", "ledger"),
}
"""The tables of each service's database, in the order in which the databases are read."""

BEGUN_IN: Final = {"order": "orders", "orchestrator": "saga_state"}
"""Where a saga is known from its beginning."""

PRUNED: Final = ("pruned_orders", "pruned_sagas")
EVERYWHERE: Final = ("outbox", "dead_letters")
CONNECT_TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything read. `tables` is by table name; `outbox` and `dead_letters` are by service."""

    seen: tuple[str, ...]
    tables: Mapping[str, list[Row]]
    outbox: Mapping[str, list[Row]] = field(default_factory=dict)
    dead_letters: Mapping[str, list[Row]] = field(default_factory=dict)
    came_meanwhile: int = 0
    """Sagas that began while others were read: they may have rows in some stores only."""

    def by_saga(self, table: str) -> dict[str, Row]:
        """The rows of a table with one row a saga."""
        return {row["saga_id"]: row for row in self.tables.get(table, [])}

    def groups(self, table: str) -> dict[str, list[Row]]:
        """The rows of a table with several rows a saga."""
        grouped: dict[str, list[Row]] = defaultdict(list)
        for row in self.tables.get(table, []):
            grouped[row["saga_id"]].append(row)
        return grouped

    def ends(self) -> dict[str, str]:
        """SUCCESS, FAILED or RUNNING of every saga that order or the orchestrator knows."""
        known = {row["saga_id"]: row["status"] for row in self.tables.get("orders", [])}
        states = {row["saga_id"]: row["status"] for row in self.tables.get("saga_state", [])}
        # Order records an end last; without order the orchestrator's word counts.
        return states | known

    def open_sagas(self) -> int:
        """How many sagas had no end yet, parked ones and those that came meanwhile among them."""
        known = sum(1 for status in self.ends().values() if status == "RUNNING")
        ended = {saga for saga, status in self.ends().items() if status != "RUNNING"}
        states = self.tables.get("saga_state", [])
        open_states = (r for r in states if r["status"] == "RUNNING" and r["saga_id"] in ended)
        return known + len(list(open_states)) + self.came_meanwhile

    def not_quiet(self) -> str:
        """Why what holds at the end cannot be judged yet, or nothing."""
        return "sagas are still open; it holds only once all have ended" * (self.open_sagas() > 0)

    def pruned(self) -> list[Row]:
        """What is left of sagas that ended long ago: per currency how many were sold, and for
        how much.
        """
        return [row for name in PRUNED for row in self.tables.get(name, [])]

    def sagas(self) -> set[str]:
        """Every saga that any store has a row of."""
        names = ("orders", "saga_state", "payments", "reservations", "shipments")
        return {row["saga_id"] for name in names for row in self.tables.get(name, [])}


async def load(database_urls: Mapping[str, str]) -> Stores:
    """Read the databases that were given.

    Raises OSError or asyncpg's errors where one cannot be reached.
    """
    tables: dict[str, list[Row]] = {}
    outbox: dict[str, list[Row]] = {}
    dead: dict[str, list[Row]] = {}
    seen = [service for service in TABLES if service in database_urls]
    for service in seen:
        read = await _read(database_urls[service], (*TABLES[service], *EVERYWHERE))
        outbox[service] = read.pop("outbox")
        dead[service] = read.pop("dead_letters")
        tables |= read
    return Stores(tuple(seen), tables, outbox, dead)


async def came_meanwhile(database_urls: Mapping[str, str], stores: Stores) -> int:
    """How many sagas began since `stores` were read; to be asked when all else was."""
    came: set[str] = set()
    for service, table in BEGUN_IN.items():
        if service in stores.seen:
            known = {row["saga_id"] for row in stores.tables[table]}
            found = await _read(database_urls[service], (table,), "saga_id")
            came |= {row["saga_id"] for row in found[table]} - known
    return len(came)


async def _read(url: str, names: Iterable[str], columns: str = "*") -> dict[str, list[Row]]:
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            read: dict[str, list[Row]] = {}
            for name in names:
                statement = f"SELECT {columns} FROM {name}"  # noqa: S608 - constants of this module
                read[name] = [dict(row) for row in await connection.fetch(statement)]
            return read
    finally:
        await connection.close()
