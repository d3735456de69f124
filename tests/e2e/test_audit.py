"""The audit on a real run: clean as it is, and red for each violation that is planted in it.

One world, some twenty sagas of every kind of end; then the services are ended, so that nothing
heals what is planted, and each plant is undone before the next.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from brewsaga.stack import Stack
from brewsaga.stack.database_session import for_database
from e2e.world import World, until, world
from saga import contract
from saga.contract import Mode
from saga.v1 import saga_pb2 as pb

ENDINGS: Final = ("", "", "payment=100", "inventory=100", "shipment=100")
ORDERS_A_MODE: Final = 10
DELIVERED, UNDONE = "SUCCESS", "FAILED and refunded"


@dataclass(frozen=True, slots=True)
class Plant:
    """One violation: what is done to a table of a service for a saga ($1) that had such an end.

    `broken` are invariants that must then name this saga; others may.
    """

    what: str
    service: str
    table: str
    mode: Mode
    end: str
    statement: str
    broken: frozenset[int]


PLANTS: Final = (
    Plant(
        "a ledger row is removed",
        *("payment", "ledger", Mode.CHOREO, DELIVERED),
        "DELETE FROM ledger WHERE saga_id = $1 AND account = 'shop'",
        frozenset({9, 12}),
    ),
    Plant(
        "all that the ledger has of a refunded saga is removed",
        *("payment", "ledger", Mode.ORCH, UNDONE),
        "DELETE FROM ledger WHERE saga_id = $1",
        frozenset({11}),
    ),
    Plant(
        "an end is flipped in order's memory",
        *("order", "orders", Mode.CHOREO, UNDONE),
        "UPDATE orders SET status = 'SUCCESS', outcome = 'completed' WHERE saga_id = $1",
        frozenset({2, 6, 12}),
    ),
    Plant(
        "an end is flipped in the orchestrator's memory",
        *("orchestrator", "saga_state", Mode.ORCH, DELIVERED),
        "UPDATE saga_state SET status = 'FAILED' WHERE saga_id = $1",
        frozenset({2, 4}),
    ),
    Plant(
        "a refunded order is shipped",
        *("shipment", "shipments", Mode.ORCH, UNDONE),
        "UPDATE shipments SET outcome = 'DONE', shipment_id = 'ship-late' WHERE saga_id = $1",
        frozenset({8, 16, 17}),
    ),
    Plant(
        "a courier is sent after the refund",
        *("shipment", "assignments", Mode.CHOREO, UNDONE),
        "INSERT INTO assignments (saga_id, courier_id) VALUES ($1, 'ada')",
        frozenset({16, 18}),
    ),
    Plant(
        "a record has no row in the outbox",
        *("payment", "outbox", Mode.CHOREO, DELIVERED),
        "DELETE FROM outbox WHERE aggregateid = $1 AND type = 'PaymentCompleted'",
        frozenset({18, 19}),
    ),
    Plant(
        "a decision that was said has no row",
        *("inventory", "reservations", Mode.ORCH, DELIVERED),
        "DELETE FROM reservations WHERE saga_id = $1",
        frozenset({6, 16, 17}),
    ),
)


async def ended(here: World) -> dict[tuple[Mode, str], str]:
    """Run orders to every kind of end; a saga of each mode that was delivered, and one undone."""
    orders = [
        {"mode": mode.value, "customer_id": "audited", "faults": ENDINGS[number % len(ENDINGS)]}
        for mode in Mode
        for number in range(ORDERS_A_MODE)
    ]
    saga_ids = await here.place(orders)
    ends = await here.ends("both", saga_ids, by_order=True)
    found = {}
    for saga_id, order in zip(saga_ids, orders, strict=True):
        mode = Mode(order["mode"])
        if ends[saga_id] == "SUCCESS":
            found[mode, DELIVERED] = saga_id
        elif order["faults"].startswith("shipment"):
            found[mode, UNDONE] = saga_id
    return found


@asynccontextmanager
async def planted(here: World, plant: Plant, saga_id: str) -> AsyncIterator[None]:
    """Do it as the database's owner, and put the table back as it was."""
    name = here.urls[plant.service].rpartition("/")[2].partition("?")[0]
    connection = await asyncpg.connect(for_database(here.stack.postgres.admin_url, name))
    kept, table = f"kept_{plant.table}", plant.table
    try:
        copy = f"CREATE TEMP TABLE {kept} AS SELECT * FROM {table}"  # noqa: S608 - own words
        await connection.execute(copy)
        done = await connection.execute(plant.statement, saga_id)
        assert done.rpartition(" ")[2] != "0", f"nothing to plant: {plant.what}"
        yield
        await connection.execute(f"TRUNCATE {table}")
        again = f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {kept}"  # noqa: S608
        await connection.execute(again)
    finally:
        await connection.close()


async def test_what_is_planted_in_a_real_run_is_named_with_its_saga(
    stack: Stack, tmp_path: Path
) -> None:
    async with world(stack, tmp_path, OUTBOX_KEEP="true") as here:
        sagas = await ended(here)
        await say_nothing_of(here, sagas[Mode.CHOREO, DELIVERED])
        await here.end()
        await clean(here)
        for plant in PLANTS:
            saga_id = sagas[plant.mode, plant.end]
            async with planted(here, plant, saga_id):
                named = await violations(here, saga_id)
            print(f"{plant.what}: {named}")
            assert plant.broken <= named.keys(), f"{plant.what}: {named}"
        await clean(here)


async def say_nothing_of(here: World, saga_id: str) -> None:
    """A readable refusal that names no saga, under this saga's key: a dead letter, and no end."""
    value = pb.PaymentFailed(reason="card declined").SerializeToString()
    here.produce([(contract.PAYMENT_FAILED.name, 0, saga_id.encode(), value)])

    async def put_aside() -> bool:
        return len(await here.dead_letters()) == 1

    await until("the refusal of no saga is put aside", put_aside)


async def clean(here: World) -> None:
    report = await here.audit()
    assert not report.violations, "\n".join(report.text())
    assert (report.quiet, report.sagas) == (True, len(Mode) * ORDERS_A_MODE)
    assert not [line.unseen for line in report.lines if line.unseen]
    letters = "1 dead letters: 0 of known sagas, 1 foreign; 1 records of no saga in the topics"
    assert report.lines[-1].looked_at == letters
    print(report.summary())


async def violations(here: World, saga_id: str) -> dict[int, Sequence[str]]:
    """What the audit says of this saga, by invariant."""
    found: dict[int, list[str]] = {}
    for violation in (await here.audit()).violations:
        if violation.saga_id == saga_id:
            found.setdefault(violation.invariant, []).append(violation.text)
    return dict(found)
