"""The live audit of each service on a real Postgres: 0 where all is well, each promise seen broken.

The rows are written by the service itself and then set wrong by the database's owner.
"""

from typing import Any, Final

import pytest

import inventory.__main__
import orchestrator.__main__
import order.__main__
import payment.__main__
import shipment.__main__
from integration.repair_world import Service, service
from inventory.settings import InventorySettings
from orchestrator.settings import OrchestratorSettings
from order.settings import OrderSettings
from payment.settings import PaymentSettings
from saga.v1 import saga_pb2 as pb
from sagakit.shell import live_audit
from sagakit.shell.database import create_pool
from sagakit.shell.gauges import Collector
from sagakit.shell.live_audit import LiveAudit
from shipment.settings import ShipmentSettings

AMOUNT: Final = {"customer_id": "a", "amount_cents": 300, "currency": "EUR"}
SPECS: Final[dict[str, Any]] = {
    "payment": lambda: payment.__main__.describe(PaymentSettings()),
    "inventory": lambda: inventory.__main__.describe(InventorySettings()),
    "shipment": lambda: shipment.__main__.describe(ShipmentSettings()),
    "orchestrator": lambda: orchestrator.__main__.describe(OrchestratorSettings()),
    "order": lambda: order.__main__.describe(OrderSettings()),
}


async def live(here: Service) -> None:
    """One saga done, one undone, one refused, of each kind that the service knows."""
    name = here.runtime.service
    if name == "payment":
        for saga_id in ("done", "undone"):
            await here.hear("choreo.order-requested", pb.OrderRequested(saga_id=saga_id, **AMOUNT))
        await here.hear("choreo.order-requested", pb.OrderRequested(saga_id="refused"))
        await here.hear("choreo.inventory-failed", pb.InventoryFailed(saga_id="undone"))
    elif name == "inventory":
        for saga_id, drink in (("done", ""), ("undone", "flat-white"), ("refused", "tea")):
            paid = pb.PaymentCompleted(saga_id=saga_id, drink=drink)
            await here.hear("choreo.payment-completed", paid)
        await here.hear("choreo.shipment-failed", pb.ShipmentFailed(saga_id="undone"))
    elif name == "shipment":
        for saga_id, faults in (("done", ""), ("refused", "shipment=100")):
            reserved = pb.InventoryReserved(saga_id=saga_id, faults=faults)
            await here.hear("choreo.inventory-reserved", reserved)
    elif name == "orchestrator":
        for saga_id, ok in (("running", True), ("failed", False)):
            await here.hear("orch.place-order", pb.PlaceOrder(saga_id=saga_id, **AMOUNT))
            reply = pb.PaymentReply(saga_id=saga_id, action=pb.PAYMENT_ACTION_AUTHORIZE, ok=ok)
            await here.hear("orch.payment-reply", reply)
    else:
        for saga_id in ("running", "done"):
            asked = pb.OrderRequested(saga_id=saga_id, **AMOUNT)
            await here.hear("choreo.order-requested", asked)
        await here.hear("choreo.shipment-scheduled", pb.ShipmentScheduled(saga_id="done"))


def audit_of(here: Service) -> LiveAudit:
    (found,) = [one for one in here.parts.gauges if isinstance(one, LiveAudit)]
    return found


async def broken(here: Service) -> dict[tuple[str, ...], float]:
    """What the gauges read after a collection, but for the zeros."""
    audit = audit_of(here)
    await Collector(here.runtime, [audit]).once(audit)
    read = {
        tuple(sample.labels.values()): sample.value
        for family in here.runtime.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "brewsaga_invariants_broken"
    }
    assert len(read) >= len(audit._promises.names)
    return {labels: value for labels, value in read.items() if value}


async def as_owner(admin_url: str, here: Service, *statements: str) -> None:
    (name,) = (await here.rows("SELECT current_database()"))[0]
    pool = await create_pool(f"{admin_url.rpartition('/')[0]}/{name}")
    for statement in statements:
        await pool.execute(statement)
    pool.terminate()


CHOREO: Final = "choreography"
PLANTED: Final = [
    ("payment", "ledger_balances", "UPDATE ledger SET amount_cents = 299 WHERE amount_cents > 0"),
    ("payment", "charged_once", "DELETE FROM ledger WHERE kind = 'charge' AND account = 'shop'"),
    ("payment", "pays_its_price", "DELETE FROM ledger WHERE kind = 'refund'"),
    ("payment", "pays_its_price", "UPDATE payments SET outcome = 'VOID' WHERE saga_id = 'done'"),
    ("inventory", "held_as_decided", "DELETE FROM stock_moves WHERE kind = 'release'"),
    ("inventory", "held_as_decided", "DELETE FROM stock_moves WHERE kind = 'reserve'"),
    ("inventory", "stock_conserved", "UPDATE stock SET available = available + 1"),
    ("shipment", "sent_as_decided", "DELETE FROM assignments"),
    ("shipment", "sent_as_decided", "UPDATE shipments SET outcome = 'REFUSED'"),
    ("orchestrator", "one_end", "UPDATE saga_history SET target = 'DONE/SUCCESS'"),
    ("orchestrator", "one_version_a_write", "DELETE FROM saga_history WHERE version = 1"),
    ("orchestrator", "stands_where_it_went", "UPDATE saga_state SET current_step = 'DONE'"),
    (
        "order",
        "one_end",
        "INSERT INTO order_events (saga_id, event) VALUES ('done', 'payment-refunded')",
    ),
    ("order", "end_is_whole", "UPDATE orders SET outcome = NULL"),
]


@pytest.mark.parametrize("name", SPECS)
async def test_what_is_well_reads_0_and_was_looked_at(admin_url: str, name: str) -> None:
    async with service(admin_url, SPECS[name]()) as here:
        assert await broken(here) == {}
        await live(here)
        assert await broken(here) == {}
        labels = {"service": name}
        judged = here.runtime.metrics.registry.get_sample_value(
            "brewsaga_sagas_audited_total", labels
        )
        assert judged is not None
        assert judged >= 2


@pytest.mark.parametrize(("name", "promise", "harm"), PLANTED)
async def test_a_broken_promise_is_shown(
    admin_url: str, name: str, promise: str, harm: str
) -> None:
    async with service(admin_url, SPECS[name]()) as here:
        await live(here)
        await as_owner(admin_url, here, harm)
        mode = "orchestration" if name == "orchestrator" else CHOREO
        assert (await broken(here)).get((mode, promise), 0.0) > 0


async def test_many_sagas_are_judged_page_by_page_within_the_budget(
    admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_audit, "PAGE_SAGAS", 2)
    monkeypatch.setattr(live_audit, "BUDGET_SECONDS", 0.0)
    async with service(admin_url, SPECS["payment"]()) as here:
        for saga_id in ("a", "B", "c", "D", "e"):
            await here.hear("choreo.order-requested", pb.OrderRequested(saga_id=saga_id, **AMOUNT))
        await as_owner(admin_url, here, "DELETE FROM ledger WHERE saga_id IN ('a', 'e')")
        seen = [sum((await broken(here)).values()) for _ in range(3)]
        assert seen[-1] == 2, "a page a collection, and all of it after three"
        assert seen[0] < 2
        restored = "UPDATE payments SET outcome = 'VOID' WHERE saga_id IN ('a', 'e')"
        await as_owner(admin_url, here, restored)
        for _ in range(6):
            left = await broken(here)
        assert left == {}, "a whole round has not found them again"
