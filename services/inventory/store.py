"""Inventory's SQL: its table's shape, the stock and its moves.

The only place of the service that knows a table's name.

Nothing is locked while a batch is judged. What it takes is guarded when it is written: where
another process has taken the last units meanwhile, the batch is judged again. Ingredients are
written in alphabetical order, so that two processes cannot deadlock; `CHECK (available >= 0)`
stands behind it.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from inventory.domain import Kind, Move, Shelf
from inventory.recipes import Units, needed
from saga.columns import TERMS_COLUMNS, terms_values
from saga.terms import Terms
from sagakit.core.chance import Odds
from sagakit.core.participant import Ask, Heard, Outcome, Row
from sagakit.shell.lines import insertion, write_lines
from sagakit.shell.ports import Connection, Write
from sagakit.shell.rows import Shape

SHAPE: Final = Shape("reservations", "reservation_id", TERMS_COLUMNS, terms_values, Terms)

_RESERVED: Final = """
    SELECT saga_id, ingredient, units FROM stock_moves
    WHERE kind = 'reserve' AND saga_id = ANY($1::text[])"""
_STOCK: Final = "SELECT ingredient, available FROM stock WHERE ingredient = ANY($1::text[])"
_MOVED: Final = (
    ("saga_id", "text"),
    ("kind", "text"),
    ("ingredient", "text"),
    ("units", "bigint"),
)
_MOVE: Final = insertion("stock_moves", _MOVED)
_TAKEN: Final = (("ingredient", "text"), ("taken", "bigint"))
_TAKE: Final = """
    UPDATE stock AS s
    SET available = s.available - line.taken, reserved = s.reserved + line.taken
    FROM {lines} WHERE s.ingredient = line.ingredient AND s.available >= line.taken"""
_REFILL: Final = """
    WITH moved AS (
        INSERT INTO stock_moves (saga_id, kind, ingredient, units) VALUES ($1, 'refill', $2, $3)
        ON CONFLICT DO NOTHING RETURNING ingredient, units
    )
    INSERT INTO stock AS s (ingredient, available) SELECT ingredient, units FROM moved
    ON CONFLICT (ingredient) DO UPDATE SET available = s.available + excluded.available"""


class InventoryStore:
    """Loads what a batch touches of the shelf, and moves units (the shell's `Store`)."""

    def __init__(self, odds: Odds, new_reference: Callable[[], str]) -> None:
        self._odds = odds
        self._new_reference = new_reference

    async def load(
        self,
        connection: Connection,
        heard: Sequence[Heard[Terms]],
        rows: Mapping[str, Row[Terms]],
        now: datetime,
    ) -> Shelf:
        """Load what may be taken or put back; a batch of duplicates loads nothing."""
        undone = sorted({message.saga_id for message in heard if _may_release(message, rows)})
        reserved = await self._reserved(connection, undone) if undone else {}
        touched = {name for units in reserved.values() for name in units}
        for message in heard:
            if message.ask is Ask.DO and message.saga_id not in rows:
                touched.update(needed(message.terms.drink, message.terms.quantity) or ())
        available: dict[str, int] = {}
        if touched:
            stock = await connection.fetch(_STOCK, sorted(touched))
            available = {ingredient: count for ingredient, count in stock}  # noqa: C416 - records
        return Shelf(now, self._odds, self._new_reference, available, reserved)

    def writes(self, effects: Sequence[Move]) -> list[Write]:
        """Every move, and the sum of them an ingredient."""
        lines = sorted(
            (move.saga_id, move.kind.value, ingredient, units)
            for move in effects
            for ingredient, units in move.units.items()
        )
        if not lines:
            return []
        taken: defaultdict[str, int] = defaultdict(int)
        for _, kind, ingredient, units in lines:
            taken[ingredient] += units if kind == Kind.RESERVE else -units
        stock = sorted(taken.items())
        return [*write_lines(_MOVE, _MOVED, lines), *write_lines(_TAKE, _TAKEN, stock)]

    async def _reserved(self, connection: Connection, saga_ids: Sequence[str]) -> dict[str, Units]:
        reserved: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for saga_id, ingredient, units in await connection.fetch(_RESERVED, saga_ids):
            reserved[saga_id][ingredient] = units
        return dict(reserved)


def _may_release(message: Heard[Terms], rows: Mapping[str, Row[Terms]]) -> bool:
    row = rows.get(message.saga_id)
    return (
        row is not None
        and message.ask is not Ask.DO
        and row.outcome in (Outcome.DONE, Outcome.OWED)
    )


async def refill(connection: Connection, ingredient: str, units: int, name: str) -> bool:
    """Add stock under a name that makes it idempotent; False where this refill was done before."""
    status = await connection.execute(_REFILL, name, ingredient, units)
    return status.endswith(" 1")
