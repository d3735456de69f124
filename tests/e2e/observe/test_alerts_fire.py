"""Each alert fires for real when its cause is made, and none before.

The thresholds are lowered for the drill, by a table that says from what to what; the questions are
those of the rules file.
"""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from alerts.blocks import RULES, blocks
from brewsaga.stack import Stack
from e2e.observe.watched import EXPERIMENT, Watched, watched
from e2e.world import until
from saga import metrics
from saga.contract import Mode

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SECONDS: Final = 60.0
EVALUATIONS: Final = 4
ORDERS: Final = 10
STORM_ORDERS: Final = 20
LOWERED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "SagaStuck": (("> 120", "> 5"),),
    "OutboxStalled": (("> 60", "> 5"),),
    "TransitSlow": (("[5m]))) > 5", "[1m]))) > 1"), ("for: 1m", "for: 1s")),
    "CompensationStorm": (("[5m]", "[1m]"), ("for: 1m", "for: 1s")),
}
"""From what to what, by alert. DeadLetters and CompensationParked are left as they are."""

REFUSED: Final = "shipment=100"
BOTH: Final = {mode.long for mode in Mode}


def lowered() -> str:
    """The rules, with the drill's thresholds."""
    text = RULES.read_text()
    for alert, changes in LOWERED.items():
        block = altered = blocks("alert")[alert]
        for before, after in changes:
            assert before in altered, f"{alert} has no {before!r} any more"
            altered = altered.replace(before, after)
        text = text.replace(block, altered)
    return text


async def place(here: Watched, count: int, faults: str = "") -> list[str]:
    """So many orders in each mode."""
    one = {"customer_id": "drill", "faults": faults}
    orders = [{**one, "mode": mode.value} for _ in range(count) for mode in Mode]
    return await here.world.place(orders)


async def fires(here: Watched, alert: str) -> list[dict[str, str]]:
    """Wait until it fires; what its labels say."""
    began = time.monotonic()

    async def fired() -> list[dict[str, str]]:
        return (await here.prometheus.firing()).get(alert, [])

    labels: list[dict[str, str]] = await until(f"{alert} fires", fired, SECONDS)
    print(f"{alert} after {time.monotonic() - began:.1f} s: {labels}")
    return labels


async def is_silent(here: Watched, *alerts: str) -> None:
    """None of them fires now."""
    firing = await here.prometheus.firing()
    assert not set(alerts) & set(firing), firing


async def is_over(here: Watched, alert: str) -> None:
    async def over() -> bool:
        return alert not in await here.prometheus.firing()

    await until(f"{alert} is over", over, SECONDS)


async def test_alerts_fire_when_their_cause_is_made(stack: Stack, tmp_path: Path) -> None:
    few = {"PARK_AFTER_ATTEMPTS": "2", "RESAY_AFTER_SECONDS": "1", "RESAY_MAX_SECONDS": "2"}
    async with watched(stack, tmp_path, lowered(), **few) as here:
        await nothing_fires_while_all_is_well(here)
        await what_nobody_can_read_is_told(here)
        await a_service_that_is_away_is_named(here)
        await a_storm_is_told_but_not_during_an_experiment(here)
        await a_kafka_that_is_away_is_told(here, stack)
        await an_undo_that_is_never_done_is_told(here)


async def nothing_fires_while_all_is_well(here: Watched) -> None:
    saga_ids = await place(here, ORDERS)
    await here.world.ends("both", saga_ids, by_order=True)
    for _ in range(EVALUATIONS):
        assert await here.prometheus.firing() == {}
        await asyncio.sleep(1.0)


async def what_nobody_can_read_is_told(here: Watched) -> None:
    here.world.produce([("orch.payment-cmd", 0, b"s-1", b"\xff\xff")])
    (labels,) = await fires(here, "DeadLetters")
    place = {"service": "payment", "topic": "orch.payment-cmd", "reason": "undecodable"}
    assert place.items() <= labels.items()


async def a_service_that_is_away_is_named(here: Watched) -> None:
    """And when it is back, that what was said to it comes late."""
    await is_silent(here, "SagaStuck", "TransitSlow")
    here.world.kill(["shipment"])
    saga_ids = await place(here, ORDERS)
    await fires(here, "SagaStuck")

    async def both() -> bool:
        told = (await here.prometheus.firing())["SagaStuck"]
        return {(one["mode"], one["step"]) for one in told} == {(m, "shipment") for m in BOTH}

    await until("SagaStuck names both modes and the step", both, SECONDS)
    await is_silent(here, "TransitSlow", "OutboxStalled")
    await here.world.start(["shipment"])
    late = await fires(here, "TransitSlow")
    assert {one["service"] for one in late} == {"shipment"}
    await here.world.ends("both", saga_ids, by_order=True)
    await is_over(here, "SagaStuck")


async def a_storm_is_told_but_not_during_an_experiment(here: Watched) -> None:
    here.operator.observe(metrics.CHAOS_ACTIVE, EXPERIMENT, 1.0)
    saga_ids = await place(here, STORM_ORDERS, REFUSED)
    await here.world.ends("both", saga_ids, by_order=True)
    turned = "sum by (mode) (increase(brewsaga_compensations_triggered_total[1m])) > 10"

    async def a_storm() -> bool:
        return len(await here.prometheus.series(turned)) == len(BOTH)

    await until("there is a storm in both modes", a_storm, SECONDS)
    for _ in range(EVALUATIONS):
        await is_silent(here, "CompensationStorm")
        await asyncio.sleep(1.0)
    here.operator.observe(metrics.CHAOS_ACTIVE, EXPERIMENT, 0.0)
    saga_ids = await place(here, STORM_ORDERS, REFUSED)
    await fires(here, "CompensationStorm")
    await here.world.ends("both", saga_ids, by_order=True)
    await until("every outbox is empty", here.world.outboxes_empty)


async def a_kafka_that_is_away_is_told(here: Watched, stack: Stack) -> None:
    await is_silent(here, "OutboxStalled")
    await asyncio.to_thread(stack.kafka.kill)
    try:
        saga_ids = await place(here, 1)
        labels = await fires(here, "OutboxStalled")
    finally:
        await asyncio.to_thread(stack.kafka.start)
    assert {one["service"] for one in labels} == {"order"}
    await here.world.ends("both", saga_ids, by_order=True)
    await is_over(here, "OutboxStalled")


async def an_undo_that_is_never_done_is_told(here: Watched) -> None:
    await is_silent(here, "CompensationParked")
    await place(here, 1, f"{REFUSED};refund=100")
    await fires(here, "CompensationParked")

    async def both() -> bool:
        told = (await here.prometheus.firing())["CompensationParked"]
        return {(one["mode"], one["step"]) for one in told} == {(m, "refund") for m in BOTH}

    await until("CompensationParked names both modes and the step", both, SECONDS)
