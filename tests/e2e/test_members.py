"""Processes of a service come and go under open orders of both modes: nothing is lost or doubled.

They are stopped in order, joined by a second one, put to sleep, and their groups are forgotten.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest
import pytest_asyncio

from brewsaga.services_runner import Places, wait_ready
from brewsaga.stack import Stack
from e2e.holes.story import IMPATIENT, Story, counted
from e2e.world import until, world
from saga import contract
from saga.contract import Mode

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS: Final = 60
STEPS: Final = (
    "payment=0,delay:3s",
    "inventory=0,delay:3s",
    "shipment=0,delay:3s",
    "shipment=100;release=0,delay:3s",
    "inventory=100;refund=0,delay:3s",
)
"""Each holds an order back at another step."""

SERVICE: Final = "inventory"
OPEN_MIN: Final = 10
STEPS_MIN: Final = 3
HANDLED: Final = "brewsaga_messages_processed_total"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    async with world(stack, tmp_path_factory.mktemp("logs"), **IMPATIENT) as here:
        yield Story(here)


async def place(story: Story, *modes: Mode) -> dict[Mode, list[str]]:
    """Orders of these modes, open in several steps."""
    share = ORDERS // len(STEPS) // len(modes)
    asked = [(mode, faults) for mode in modes for faults in STEPS]
    placing = (story.place(mode, share, faults=faults) for mode, faults in asked)
    placed = await asyncio.gather(*placing)
    sagas: dict[Mode, list[str]] = {mode: [] for mode in modes}
    for (mode, _), mine in zip(asked, placed, strict=True):
        sagas[mode] += mine

    async def spread() -> bool:
        steps = await story.here.open_steps()
        return len(steps) >= STEPS_MIN and steps.total() >= OPEN_MIN

    await until("orders are open in several steps", spread, 60)
    return sagas


async def check_ends(story: Story, sagas: dict[Mode, list[str]]) -> None:
    for mode, mine in sagas.items():
        assert await story.ends(mode, mine) == {"SUCCESS", "FAILED"}
    await story.check_verdict()


async def works(process: Places) -> None:
    """Until this very process has handled something more than it had."""
    before = await counted(process, HANDLED)

    async def more() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return await counted(process, HANDLED) > before
        return False

    await until("it handles messages", more, 30)


async def test_stopped_in_the_middle_of_work(story: Story) -> None:
    """SIGTERM to every service at once: each ends by itself, in time, and the next goes on."""
    here = story.here
    sagas = await place(story, *Mode)
    ended = await here.stop(contract.DATABASES)
    assert ended == dict.fromkeys(contract.DATABASES, 0)
    open_then = (await here.open_steps()).total()
    print(f"{open_then} of {ORDERS} open when all had ended")
    assert open_then
    await here.start()
    await check_ends(story, sagas)


async def test_a_second_process_joins_works_and_is_killed(story: Story) -> None:
    """Partitions move to it and back, under open orders."""
    async with story.here.second(SERVICE) as (child, places):
        await wait_ready([child], {child.name: places})
        sagas = await place(story, *Mode)
        await works(places)
        await works(story.here.places[SERVICE])
    await check_ends(story, sagas)


async def test_two_orchestrators_at_once_and_one_sleeps(story: Story) -> None:
    here = story.here
    async with here.second("orchestrator") as (child, places):
        await wait_ready([child], {child.name: places})
        sagas = await place(story, Mode.ORCH)
        await works(here.places["orchestrator"])
        first = here.children["orchestrator"].process
        first.send_signal(signal.SIGSTOP)
        try:
            await works(places)
        finally:
            first.send_signal(signal.SIGCONT)
        await check_ends(story, sagas)


async def test_consumer_groups_are_deleted(story: Story) -> None:
    """Offsets and all: each participant hears again whatever was said since the beginning."""
    here = story.here
    sagas = await place(story, *Mode)
    await here.stop(contract.PARTICIPANTS)
    groups = [
        contract.consumer_group(here.prefix, service, mode)
        for service in contract.PARTICIPANTS
        for mode in Mode
    ]
    assert await here.forget_groups(groups)
    await here.start(contract.PARTICIPANTS)
    await check_ends(story, sagas)
    for service in contract.PARTICIPANTS:
        assert await story.metric(service, HANDLED, outcome="duplicate") > ORDERS, service
