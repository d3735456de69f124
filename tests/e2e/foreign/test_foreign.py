"""A plain foreign program in the place of each of ours in turn, in both modes.

FOREIGN_ORDERS says how many orders a mode and case (10; the full run takes 50).
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from brewsaga.audit import Report
from brewsaga.stack import Stack
from e2e.foreign import plain
from e2e.foreign.plain import Answers, Foreign, Place, unlucky
from e2e.world import World, count_from_environment, until, world
from saga import contract

ORDERS: Final = count_from_environment("FOREIGN_ORDERS", 10)
RATES: Final = (0.0, 1.0, 0.5)
MODES: Final = ("choreo", "orch")
PARTICIPANTS: Final = {
    "payment": (plain.payment, "payments"),
    "inventory": (plain.inventory, "reservations"),
    "shipment": (plain.shipment, "shipments"),
}
TABLES: Final = {name: table for name, (_, table) in PARTICIPANTS.items()}
REASONS: Final = {
    "payment": "card declined",
    "inventory": "out of stock",
    "shipment": "no courier capacity",
}
DONE_AFTER: Final = {
    "payment": {},
    "inventory": {"payment": "UNDONE"},
    "shipment": {"payment": "UNDONE", "inventory": "UNDONE"},
}
"""What the others' rows say once this step has refused; no row where nothing is said here."""


@asynccontextmanager
async def without(
    stack: Stack, logs: Path, absent: str | None, **extra: str
) -> AsyncIterator[tuple[World, Place]]:
    """All services of ours but one, under a lecture's prefix."""
    prefix = f"lecture-06-05-{uuid.uuid4().hex[:6]}-"
    services = [name for name in contract.DATABASES if name != absent]
    given = {"RESAY_AFTER_SECONDS": "30", **extra}
    async with world(stack, logs, services=services, prefix=prefix, **given) as here:
        yield here, Place(here.bootstrap, prefix, f"foreign-{absent}")


def new_ids() -> dict[str, list[str]]:
    """Fresh saga ids a mode: not ours in form, but in the contract's bounds."""
    return {mode: [f"{mode}-{uuid.uuid4()}" for _ in range(ORDERS)] for mode in MODES}


def expected_ends(step: str, rate: float, saga_ids: list[str]) -> dict[str, str]:
    return {s: "FAILED" if unlucky(s, step, rate) else "SUCCESS" for s in saga_ids}


async def check_rows(here: World, absent: str, ends: dict[str, str]) -> None:
    """Every participant of ours holds what a delivered saga needs, and nothing of a failed one."""
    for name, table in TABLES.items():
        if name == absent:
            continue
        rows = await here.by_saga(name, table, list(ends))
        for saga_id, end in ends.items():
            outcome = rows[saga_id]["outcome"] if saga_id in rows else None
            wanted = "DONE" if end == "SUCCESS" else DONE_AFTER[absent].get(name)
            assert outcome == wanted, f"{name} of {saga_id}, which ended {end}"


def check_audit(report: Report, sagas: int) -> None:
    """What the audit can judge without the foreign program's memory holds."""
    print(report.summary())
    assert report.sagas == sagas
    assert not report.violations, "\n".join(report.text())


def audited(here: World, absent: str) -> dict[str, str]:
    """The databases that are there to be judged: a foreign program's is empty."""
    return {name: url for name, url in here.urls.items() if name != absent}


@pytest.mark.parametrize("step", list(PARTICIPANTS))
async def test_a_plain_participant_takes_the_place_of_ours(
    stack: Stack, tmp_path: Path, step: str
) -> None:
    """It is started three times: it serves all, refuses all, and refuses every other one."""
    sagas = 0
    async with without(stack, tmp_path, step) as (here, place):
        for rate in RATES:
            answers: Answers = PARTICIPANTS[step][0](rate)
            with Foreign(place, answers) as foreign:
                sagas += await check_orders(here, place, step, rate)
            assert foreign.heard >= 2 * ORDERS
        here.urls = audited(here, step)
        check_audit(await here.audit(), sagas)


async def check_orders(here: World, place: Place, step: str, rate: float) -> int:
    """Orders of a foreign placer's and of ours end as its rate says; how many there were."""
    for mode, saga_ids in new_ids().items():
        plain.place_orders(place, mode, saga_ids)
        ends = await here.ends(mode, saga_ids, by_order=mode == "choreo")
        assert ends == expected_ends(step, rate, saga_ids)
        await check_rows(here, step, ends)
        await check_reasons(here, step, mode, ends)
    orders = [{"mode": mode, "customer_id": "ours"} for mode in MODES]
    placed = await here.place(orders)
    known = await here.ends("both", placed, by_order=True)
    assert known == expected_ends(step, rate, placed)
    return 2 * ORDERS + len(placed)


async def check_reasons(here: World, step: str, mode: str, ends: dict[str, str]) -> None:
    """A refusal's own words reach whoever tells of the end."""
    service, table = ("order", "orders") if mode == "choreo" else ("orchestrator", "saga_state")
    for saga_id, row in (await here.by_saga(service, table, list(ends))).items():
        wanted = REASONS[step] if ends[saga_id] == "FAILED" else ""
        assert row["failure_reason"] == wanted


async def test_a_plain_orchestrator_takes_the_place_of_ours(stack: Stack, tmp_path: Path) -> None:
    async with without(stack, tmp_path, "orchestrator") as (here, place):
        for rate in RATES:
            heard: dict[str, str] = {}
            await here.replace("shipment", SHIPMENT_FAIL_RATE=str(rate))
            with Foreign(place, plain.orchestrator(heard)):
                saga_ids = new_ids()["orch"]
                plain.place_orders(place, "orch", saga_ids[:-2])
                orders = [{"mode": "orch", "customer_id": "o", "saga_id": s} for s in saga_ids[-2:]]
                assert await here.place(orders) == saga_ids[-2:]
                await until("the plain orchestrator has ended each", all_in(heard, saga_ids))
            assert set(heard) == set(saga_ids)
            await check_ends_by_shipment(here, heard, rate)


async def test_a_plain_placer_takes_the_place_of_ours(stack: Stack, tmp_path: Path) -> None:
    async with without(stack, tmp_path, "order") as (here, place):
        for rate in RATES:
            heard: dict[str, str] = {}
            await here.replace("shipment", SHIPMENT_FAIL_RATE=str(rate))
            with Foreign(place, plain.listener(heard)):
                saga_ids = new_ids()
                for mode in MODES:
                    plain.place_orders(place, mode, saga_ids[mode])
                heard_all = all_in(heard, saga_ids["choreo"])
                await until("the plain placer has heard every end", heard_all)
                orch = await here.ends("orch", saga_ids["orch"], by_order=False)
            assert set(heard) == set(saga_ids["choreo"])
            await check_ends_by_shipment(here, heard | orch, rate)
        here.urls = audited(here, "order")
        check_audit(await here.audit(), 2 * ORDERS * len(RATES))


def all_in(heard: dict[str, str], saga_ids: Sequence[str]) -> Callable[[], Awaitable[bool]]:
    async def ended() -> bool:
        return set(saga_ids) <= heard.keys()

    return ended


async def check_ends_by_shipment(here: World, ends: dict[str, str], rate: float) -> None:
    """The ends are those of our shipment's rows, as its rate says, and all rows agree."""
    shipments = await here.by_saga("shipment", "shipments", list(ends))
    refused = {s for s, row in shipments.items() if row["outcome"] == "REFUSED"}
    assert {s for s, end in ends.items() if end == "FAILED"} == refused
    if rate in (0.0, 1.0):
        assert len(refused) == rate * len(ends)
    for name in ("payment", "inventory"):
        for saga_id, row in (await here.by_saga(name, TABLES[name], list(ends))).items():
            assert row["outcome"] == ("UNDONE" if saga_id in refused else "DONE")
