"""What order's two stores would hold, in memory: its handler then needs no database."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from order import store, store_orders
from order.domain import Heard
from order.store import Stored
from order.store_orders import NewOrder
from sagakit.shell.ports import Write


class Tables:
    """What the two stores would hold."""

    def __init__(self) -> None:
        self.orders: dict[str, Stored] = {}
        self.adopted: dict[str, NewOrder] = {}
        self.events: dict[tuple[str, str], list[Any]] = {}

    async def load(self, _connection: Any, saga_ids: Iterable[str]) -> dict[str, Stored]:
        return {one: self.orders[one] for one in saga_ids if one in self.orders}

    async def earlier_events(self, _connection: Any, ids: Iterable[str]) -> dict[str, list[Heard]]:
        wanted, found = set(ids), dict[str, list[Heard]]()
        for (saga_id, _), (heard, _count) in self.events.items():
            if saga_id in wanted:
                found.setdefault(saga_id, []).append(heard)
        return found

    def moves(self, changed: Sequence[Any], _seconds: float) -> list[Write]:
        for stored, standing in changed:
            version = stored.version + 1
            self.orders[stored.saga_id] = stored._replace(standing=standing, version=version)
        return []

    def insertion(self, orders: Sequence[NewOrder], _seconds: float) -> list[Write]:
        for order in orders:
            self.adopted[order.saga_id] = order
            self.orders[order.saga_id] = Stored(
                order.saga_id, order.mode.value, order.terms, order.standing, 1, 0.0, 0.0
            )
        return []

    def drawing(self, events: dict[tuple[str, str], list[Any]]) -> list[Write]:
        drawn_before = sum(key in self.events for key in events)
        for key, (heard, count) in events.items():
            self.events.setdefault(key, [heard, 0])[1] += count
        return [Write("", (), drawn_before)]


@contextmanager
def in_memory() -> Iterator[Tables]:
    """Tables in the place of both stores."""
    tables = Tables()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("load", "earlier_events", "moves", "drawing"):
            patch.setattr(store, name, getattr(tables, name))
        patch.setattr(store_orders, "insertion", tables.insertion)
        yield tables
