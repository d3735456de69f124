"""Everything is killed in turn while many orders are open; all end, and the audit is clean.

KILL_ORDERS says how many orders a mode are placed (100).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from brewsaga.stack import Stack
from e2e.world import World, count_from_environment, until, world
from saga import contract
from saga.contract import Mode

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

ORDERS_A_MODE: Final = count_from_environment("KILL_ORDERS", 100)
FAULTS: Final = (
    "payment=0,delay:3s",
    "inventory=0,delay:3s",
    "shipment=0,delay:3s",
    "shipment=100;release=0,delay:3s",
    "inventory=100;refund=0,delay:3s",
    "shipment=30;refund=50",
)
"""Each holds an order back at another step, so that some are open in each; the last is random."""

OPEN_STEPS_MIN: Final = 3
OPEN_ORDERS_MIN: Final = ORDERS_A_MODE // 2
PATIENT: Final = {
    "RESAY_AFTER_SECONDS": "2",
    "RESAY_MAX_SECONDS": "8",
    "PARK_AFTER_ATTEMPTS": "100",
}
"""One refund in a thousand fails ten times at 50 %, is parked, and waits for a person: not here."""

PARALLEL_CALLS: Final = 8


async def place_all(here: World) -> list[str]:
    """As many orders a mode, each with the next of the faults, over a few connections."""
    orders = [
        {"mode": mode.value, "customer_id": f"c{number}", "faults": FAULTS[number % len(FAULTS)]}
        for number in range(ORDERS_A_MODE)
        for mode in Mode
    ]
    shares = [orders[n::PARALLEL_CALLS] for n in range(PARALLEL_CALLS)]
    placed = await asyncio.gather(*(here.place(share) for share in shares))
    return [saga_id for share in placed for saga_id in share]


async def wait_for_the_moment(here: World) -> None:
    """Until many orders are open in several steps, and print them: the blow must hit something."""

    async def spread() -> bool:
        steps = await here.open_steps()
        many = len(steps) >= OPEN_STEPS_MIN and steps.total() >= OPEN_ORDERS_MIN
        if many:
            print(f"at the blow {steps.total()} open: {dict(sorted(steps.items()))}")
        return many

    await until("many orders open in several steps", spread, 60)


async def check_all_ended(here: World, saga_ids: Sequence[str], *, topics: bool = True) -> None:
    """Every order has its end, and the audit has no violation in what was stored and said."""
    ends = await here.ends("both", saga_ids, by_order=True)
    print({end: list(ends.values()).count(end) for end in sorted(set(ends.values()))})
    assert set(ends.values()) == {"SUCCESS", "FAILED"}

    # A saga has ended before its last message is acknowledged; the audit compares both.
    await until("every outbox is empty", here.outboxes_empty)
    report = await here.audit(topics=topics)
    print(report.summary())
    assert report.quiet
    assert report.sagas == len(saga_ids)
    assert not report.violations, "\n".join(report.text())


Blow = Callable[[World], Awaitable[None]]


async def survive(stack: Stack, logs: Path, blow: Blow, *, keep: bool = True) -> None:
    """Place, strike, see every order end. `keep` leaves acknowledged messages in the outbox."""
    extra = {**PATIENT, "OUTBOX_KEEP": "true" if keep else "false"}
    async with world(stack, logs, **extra) as here:
        placing = asyncio.create_task(place_all(here))
        saga_ids = await placing
        await wait_for_the_moment(here)
        await blow(here)
        await check_all_ended(here, saga_ids, topics=keep)


@pytest.mark.parametrize(
    "services", [*((name,) for name in contract.DATABASES), contract.DATABASES]
)
async def test_services_are_killed(stack: Stack, tmp_path: Path, services: tuple[str, ...]) -> None:
    async def blow(here: World) -> None:
        here.kill(services)
        await here.start(services)

    await survive(stack, tmp_path, blow)


async def test_kafka_is_killed(stack: Stack, tmp_path: Path) -> None:
    async def blow(here: World) -> None:
        await asyncio.to_thread(stack.kafka.kill)
        await asyncio.to_thread(stack.kafka.start)

    await survive(stack, tmp_path, blow)


async def test_postgres_is_killed(stack: Stack, tmp_path: Path) -> None:
    async def blow(here: World) -> None:
        await asyncio.to_thread(stack.postgres.kill)
        await asyncio.to_thread(stack.postgres.start)

    await survive(stack, tmp_path, blow)


async def test_all_topics_are_deleted_and_created_again(stack: Stack, tmp_path: Path) -> None:
    """What was said is lost, so the audit judges the stores alone."""
    await survive(stack, tmp_path, World.wipe_topics, keep=False)
