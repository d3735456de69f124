"""The three participants' SQL against a real Postgres: guards, races, owed undos, and what adds up.

No Kafka is needed: records go in by hand, and what would be said comes out of `handle`.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import inventory.participant
import payment.participant
import shipment.participant
from brewsaga.stack import (
    drop_databases,
    ensure_databases,
    migrate,
)
from inventory.store import SHAPE as RESERVATIONS
from inventory.store import InventoryStore, refill
from inventory.wire import InventoryWire
from payment.store import SHAPE as PAYMENTS
from payment.store import PaymentStore
from payment.wire import PaymentWire
from saga.v1.saga_pb2 import (
    InventoryCommand,
    InventoryFailed,
    InventoryReserved,
    OrderRequested,
    PaymentCompleted,
    ShipmentFailed,
)
from sagakit.core.chance import Odds
from sagakit.core.participant import Outcome
from sagakit.shell.database import Pool, create_pool
from sagakit.shell.participant import OwedUndos, Participant, ParticipantHandler, serve
from sagakit.shell.ports import Conflict, Handled, Message, Record
from sagakit.shell.rows import Backoff, RowTable
from sagakit.shell.writes import write
from shipment.store import SHAPE as SHIPMENTS
from shipment.store import ShipmentStore
from shipment.wire import ShipmentWire
from worked import work

DB = Path(__file__).parents[2] / "db"
ATTEMPTS_MAX = 5
SERVICES: dict[str, tuple[Any, Any, Any, Any, str]] = {
    "payment": (payment.participant, PAYMENTS, PaymentStore, PaymentWire, "refund"),
    "inventory": (inventory.participant, RESERVATIONS, InventoryStore, InventoryWire, "release"),
    "shipment": (shipment.participant, SHIPMENTS, ShipmentStore, ShipmentWire, ""),
}


@pytest.fixture
def urls(admin_url: str) -> Iterator[dict[str, str]]:
    prefix = f"p{uuid.uuid4().hex[:8]}_"
    urls = ensure_databases(admin_url, prefix, tuple(SERVICES))
    migrate(admin_url, prefix, DB, tuple(SERVICES))
    yield urls
    drop_databases(admin_url, prefix, tuple(SERVICES))


class Process:
    """One process of a service: both modes and the owed undos, on a pool of its own."""

    def __init__(self, service: str, pool: Pool, undo_fail_rate: float = 0.0) -> None:
        part, shape, store, wire, undo_step = SERVICES[service]
        odds = Odds(service, undo_step, "seed", 0.0, undo_fail_rate)
        self.pool = pool
        self.table: RowTable[Any] = RowTable(shape, Backoff(0.001, 0.001))
        new_reference = lambda: f"id-{uuid.uuid4()}"  # noqa: E731
        self.participant: Participant[Any, Any] = Participant(
            service, wire(odds), self.table, store(odds, new_reference), 3
        )
        handlers, dues = serve(
            self.participant, ("choreo", "orch"), part.CHOREOGRAPHY, part.ORCHESTRATION
        )
        self.handlers: dict[str, ParticipantHandler[Any, Any]] = {h.mode: h for h in handlers}
        self.dues: list[OwedUndos[Any, Any]] = dues

    async def hear(self, topic: str, *messages: Any) -> Handled:
        handler = self.handlers[topic.partition(".")[0]]
        batch = []
        for offset, message in enumerate(messages):
            record = Record(topic, 0, offset, b"", message.SerializeToString())
            batch.append(Message(record, handler.decode(record)))
        async with self.pool.acquire() as connection:
            return await work(connection, handler, batch)

    async def insist(self) -> Handled:
        async with self.pool.acquire() as connection, connection.transaction():
            handled = await self.dues[0].due(connection, 100)
            await write(connection, handled.writes)
            return handled

    async def fetch(self, query: str, *values: Any) -> list[asyncpg.Record]:
        async with self.pool.acquire() as connection:
            return list(await connection.fetch(query, *values))


async def open_process(url: str, service: str, undo_fail_rate: float = 0.0) -> Process:
    return Process(service, await create_pool(url), undo_fail_rate)


def order(saga_id: str) -> OrderRequested:
    return OrderRequested(
        saga_id=saga_id, customer_id="a\0b", amount_cents=500, currency="EUR", faults="x=\0"
    )


async def test_money_is_moved_once_and_back_once(urls: dict[str, str]) -> None:
    here = await open_process(urls["payment"], "payment")
    first = await here.hear("choreo.order-requested", order("a"), order("b"), order("a"))
    again = await here.hear("choreo.order-requested", order("b"), order("a"))
    payloads = {o.key: o.payload for o in first.outgoing}
    assert [o.payload for o in again.outgoing] == [payloads["b"], payloads["a"]]
    failed = InventoryFailed(saga_id="a", reason="out of stock\0")
    for _ in range(2):
        (said,) = (await here.hear("choreo.inventory-failed", failed)).outgoing
        assert said.type == "PaymentRefunded"
    entries = await here.fetch(
        "SELECT saga_id, kind, account, amount_cents FROM ledger ORDER BY 1, 2, 3"
    )
    assert [tuple(entry) for entry in entries] == [
        ("a", "charge", "customer", -500),
        ("a", "charge", "shop", 500),
        ("a", "refund", "customer", 500),
        ("a", "refund", "shop", -500),
        ("b", "charge", "customer", -500),
        ("b", "charge", "shop", 500),
    ]
    rows = await here.fetch("SELECT saga_id, outcome, version FROM payments ORDER BY 1")
    assert [tuple(row) for row in rows] == [("a", "UNDONE", 2), ("b", "DONE", 1)]
    await here.pool.close()


async def test_who_comes_second_is_told_so_and_writes_nothing(urls: dict[str, str]) -> None:
    here = await open_process(urls["payment"], "payment")
    outcomes = await asyncio.gather(
        *(here.hear("choreo.order-requested", *map(order, "abcdefgh")) for _ in range(6)),
        return_exceptions=True,
    )
    done = [one for one in outcomes if isinstance(one, Handled)]
    assert all(isinstance(one, Handled | Conflict) for one in outcomes)
    assert len({o.payload for one in done for o in one.outgoing}) == 8
    assert (await here.fetch("SELECT count(*) FROM ledger"))[0][0] == 16
    await here.pool.close()


async def test_an_overtaken_update_is_a_conflict(urls: dict[str, str]) -> None:
    here = await open_process(urls["payment"], "payment")
    await here.hear("choreo.order-requested", order("a"))
    async with here.pool.acquire() as connection:
        rows, now = await here.table.load(connection, ["a"])
    await here.hear("choreo.inventory-failed", InventoryFailed(saga_id="a"))
    with pytest.raises(Conflict):
        async with here.pool.acquire() as connection:
            await write(connection, here.table.writes(rows, now))
    await here.pool.close()


async def test_two_processes_cannot_take_the_last_unit_twice(urls: dict[str, str]) -> None:
    one = await open_process(urls["inventory"], "inventory")
    two = await open_process(urls["inventory"], "inventory")

    def geishas(first: int) -> list[InventoryCommand]:
        return [
            InventoryCommand(saga_id=f"s-{n}", action="INVENTORY_ACTION_RESERVE", drink="geisha")
            for n in range(first, first + 4)
        ]

    async def insist(process: Process, first: int) -> None:
        """As the loop does: overtaken means the same batch again."""
        for _ in range(ATTEMPTS_MAX):
            with contextlib.suppress(Conflict):
                await process.hear("orch.inventory-cmd", *geishas(first))
                return
        pytest.fail("always overtaken")

    await asyncio.gather(insist(one, 0), insist(two, 4))
    outcomes = await one.fetch("SELECT outcome, count(*) FROM reservations GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in outcomes] == [("DONE", 5), ("REFUSED", 3)]
    async with one.pool.acquire() as connection:
        assert await refill(connection, "geisha-beans", 18, "delivery")
        assert not await refill(connection, "geisha-beans", 18, "delivery")
    await one.hear("orch.inventory-cmd", *geishas(8))
    stock = await one.fetch(
        "SELECT available, reserved FROM stock WHERE ingredient = 'geisha-beans'"
    )
    assert tuple(stock[0]) == (0, 108)
    await one.pool.close()
    await two.pool.close()


async def test_an_owed_release_is_tried_from_the_row_and_parked(urls: dict[str, str]) -> None:
    here = await open_process(urls["inventory"], "inventory", undo_fail_rate=1.0)
    await here.hear("choreo.payment-completed", PaymentCompleted(saga_id="a", quantity=2))
    lost = ShipmentFailed(saga_id="a", reason="no courier capacity")
    assert (await here.hear("choreo.shipment-failed", lost)).outgoing == []
    for attempts in (2, 3, 3):
        await until_due(here)
        assert (await here.insist()).outgoing == []
        row = (await here.fetch("SELECT outcome, attempts, parked FROM reservations"))[0]
        assert tuple(row) == ("OWED", attempts, attempts == 3)
    await here.fetch("UPDATE reservations SET parked = false, next_attempt_at = now()")
    (said,) = (await Process("inventory", here.pool).insist()).outgoing
    assert (said.topic, said.type) == ("choreo.inventory-released", "InventoryReleased")
    assert b"no courier capacity" in said.payload
    held = await here.fetch("SELECT sum(reserved) FROM stock")
    assert held[0][0] == 0
    moves = await here.fetch(
        "SELECT kind, units FROM stock_moves WHERE saga_id = 'a' ORDER BY 1, 2"
    )
    assert [tuple(m) for m in moves] == [
        ("release", 2),
        ("release", 36),
        ("reserve", 2),
        ("reserve", 36),
    ]
    await here.pool.close()


async def until_due(here: Process) -> None:
    """Wait, in the database, for the row's own time; a parked one has none."""
    await here.fetch(
        "SELECT pg_sleep(extract(epoch FROM next_attempt_at - now())) FROM reservations"
        " WHERE next_attempt_at > now()"
    )


async def test_an_owed_undo_that_someone_else_holds_is_left_to_them(urls: dict[str, str]) -> None:
    here = await open_process(urls["inventory"], "inventory", undo_fail_rate=1.0)
    await here.hear("choreo.payment-completed", PaymentCompleted(saga_id="a"))
    await here.hear("choreo.shipment-failed", ShipmentFailed(saga_id="a"))
    async with here.pool.acquire() as connection:
        await here.table.reset(connection, 0.0)
        async with connection.transaction():
            rows, _ = await here.table.claim(connection, 10)
            assert [row.outcome for row in rows.values()] == [Outcome.OWED]
            assert (await here.insist()).outgoing == []
    assert (await here.fetch("SELECT attempts FROM reservations"))[0][0] == 1
    await here.pool.close()


async def test_one_courier_a_saga_and_none_when_nobody_is_on_duty(urls: dict[str, str]) -> None:
    here = await open_process(urls["shipment"], "shipment")
    for _ in range(2):
        await here.hear("choreo.inventory-reserved", InventoryReserved(saga_id="a"))
    await here.fetch("UPDATE couriers SET on_duty = false")
    reserved = InventoryReserved(saga_id="b", faults="shipment=delay:3s")
    (said,) = (await here.hear("choreo.inventory-reserved", reserved)).outgoing
    assert (said.type, said.publish_at) == ("ShipmentFailed", None)
    assert (await here.fetch("SELECT count(*) FROM assignments"))[0][0] == 1
    await here.pool.close()


async def test_a_delay_is_reckoned_from_the_databases_clock(urls: dict[str, str]) -> None:
    here = await open_process(urls["payment"], "payment")
    participant = here.participant
    slow = PaymentWire(Odds("payment", "refund", "seed", faults_enabled=True))
    held = Participant("payment", slow, participant.rows, participant.store, 3)
    here.handlers["choreo"] = ParticipantHandler(held, "choreo", ("choreo.order-requested",))
    asked = OrderRequested(saga_id="a", amount_cents=5, faults="payment=0,delay:3s")
    (said,) = (await here.hear("choreo.order-requested", asked)).outgoing
    occurred = (await here.fetch("SELECT occurred_at FROM payments"))[0][0]
    assert said.publish_at == occurred + timedelta(seconds=3)
    await here.pool.close()
