"""A process that dies between two lines, one that comes late, a broker that forgets: nothing lost.

Where a service dies is chosen by a gate on the way to its database, not by a word in its code.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio

from brewsaga.audit.topics import read_topics
from brewsaga.stack import Stack
from e2e.holes.gate import Gate, Hold
from e2e.holes.story import IMPATIENT, Story, outcomes
from e2e.world import World, until, world
from saga import contract
from saga.contract import Mode, Topic

pytestmark = pytest.mark.asyncio(loop_scope="module")

BATCH: Final = 300
EARLY_ORDERS: Final = 10
OPEN_STEPS_MIN: Final = 3
HELD_SECONDS: Final = 30.0
PARTICIPANTS: Final = {
    "payment": "payments",
    "inventory": "reservations",
    "shipment": "shipments",
}
EACH_STEP: Final = (
    "payment=0,delay:1s",
    "inventory=0,delay:1s",
    "shipment=0,delay:1s",
    "shipment=100;release=0,delay:1s",
    "inventory=100;refund=0,delay:1s",
)
"""Each holds an order back at another step."""

WIPED_ORDERS: Final = 3
"""In each step so many that will go on, and as many that will be refused there."""

SAYS: Final = {
    Mode.CHOREO: {
        "order": ("orders", contract.ORDER_REQUESTED),
        "payment": ("payments", contract.PAYMENT_COMPLETED),
        "inventory": ("reservations", contract.INVENTORY_RESERVED),
        "shipment": ("shipments", contract.SHIPMENT_SCHEDULED),
    },
    Mode.ORCH: {
        "order": ("orders", contract.PLACE_ORDER),
        "orchestrator": ("saga_state", contract.PAYMENT_COMMAND),
        "payment": ("payments", contract.PAYMENT_REPLY),
        "inventory": ("reservations", contract.INVENTORY_REPLY),
        "shipment": ("shipments", contract.SHIPMENT_REPLY),
    },
}
"""The row that each service writes, and what it says of it next, in the order of the saga."""


@pytest.fixture(scope="module")
def gates() -> dict[str, Gate]:
    """Filled by the world that stands behind them."""
    return {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gated(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory, gates: dict[str, Gate]
) -> AsyncIterator[Story]:
    """All services of ours, each behind a gate on the way to its database."""
    logs = tmp_path_factory.mktemp("logs")
    async with contextlib.AsyncExitStack() as opened:
        # One consumer: what is held up holds up all that comes after it.
        given = {**IMPATIENT, "CONSUMERS_PER_MODE": "1"}
        here = await opened.enter_async_context(world(stack, logs, services=(), **given))
        for service in contract.DATABASES:
            gates[service] = Gate(here.urls[service])
            here.detours[service] = await gates[service].open()
        await here.start()
        yield Story(here)
    for gate in gates.values():
        await gate.close()


async def reached(hold: Hold) -> None:
    async with asyncio.timeout(HELD_SECONDS):
        await hold.reached.wait()


async def test_orchestrator_killed(gated: Story) -> None:
    """With orders in several steps: who it was is in its table. Choreography has none to kill."""
    here = gated.here
    sagas = [s for faults in EACH_STEP for s in await gated.place(Mode.ORCH, 4, faults=faults)]
    await spread(here)
    here.kill(["orchestrator"])
    await here.start(["orchestrator"])
    assert await gated.ends(Mode.ORCH, sagas) == {"SUCCESS", "FAILED"}
    await gated.check_verdict()


async def spread(here: World) -> None:
    """Until orders are open in several steps, and print them: the blow must hit something."""

    async def in_several_steps() -> bool:
        steps = await here.open_steps()
        if len(steps) < OPEN_STEPS_MIN:
            return False
        print(f"at the blow {steps.total()} open: {dict(sorted(steps.items()))}")
        return True

    await until("orders open in several steps", in_several_steps, 60)


@pytest.mark.parametrize("mode", list(Mode))
async def test_stopped_between_row_and_command(
    gated: Story, gates: dict[str, Gate], mode: Mode
) -> None:
    """Each service is killed after its COMMIT and before it could say what it committed."""
    here = gated.here
    held: dict[str, str] = {}
    requests = []
    for service in reversed(SAYS[mode]):  # the last step first: none stands in another's way
        held[service] = str(uuid.uuid4())
        said = SAYS[mode][service][1].name
        hold = gates[service].hold(held[service], said, forward=True)
        placing = asyncio.create_task(gated.place(mode, saga_id=held[service]))
        requests.append(placing)
        await reached(hold)
    here.kill(list(held))
    *answers, last = await asyncio.gather(*requests, return_exceptions=True)
    assert answers == [[saga_id] for saga_id in list(held.values())[:-1]]
    assert isinstance(last, httpx.TransportError), "order died before it could answer"
    for service, saga_id in held.items():
        await check_stored_and_unsaid(gated, service, saga_id, *SAYS[mode][service])
    await here.start(list(held))
    assert await gated.ends(mode, list(held.values())) == {"SUCCESS"}
    await gated.check_verdict()


async def check_stored_and_unsaid(
    story: Story, service: str, saga_id: str, table: str, topic: Topic
) -> None:
    """The row is there, with it what is to be said of it, and nobody has heard it."""

    async def stored() -> dict[str, Any]:
        return await story.here.by_saga(service, table, [saga_id])

    await until(f"{service}'s row", stored, 10)
    query = "SELECT * FROM outbox WHERE aggregateid = $1 AND aggregatetype = $2"
    rows = await story.here.rows(service, query, saga_id, story.here.prefix + topic.name)
    assert [row["acknowledged_at"] for row in rows] == [None], service
    assert not await story.said(saga_id, topic=topic), service


async def place_batch(here: World, mode: Mode, customer_id: str) -> None:
    """Place all at once, and wait until each is written."""
    url = f"{here.places['order'].url}/batches/{customer_id}"
    body = {"mode": mode.value, "customer_id": customer_id, "orders": BATCH}
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        answer = await client.put(url, json=body)
        assert answer.is_success, answer.text

        async def placed() -> bool:
            return bool((await client.get(url)).json()["placed"] == BATCH)

        await until(f"{BATCH} orders are placed", placed, 60)


@pytest.mark.parametrize("mode", list(Mode))
async def test_payment_killed_in_a_batch_of_300(
    gated: Story, gates: dict[str, Gate], mode: Mode
) -> None:
    """Killed before COMMIT it has done nothing; killed after it, nothing is done again."""
    here, customer = gated.here, f"batch-{mode.value}"
    said = SAYS[mode]["payment"][1].name
    count = "SELECT count(*) FROM payments WHERE customer_id = $1"

    async def charged() -> int:
        return int((await here.rows("payment", count, customer))[0][0])

    before_commit = gates["payment"].hold(customer, said, forward=False)
    await place_batch(here, mode, customer)
    await reached(before_commit)
    here.kill(["payment"])
    assert await charged() == 0

    after_commit = gates["payment"].hold(customer, said, forward=True)
    await here.start(["payment"])
    await reached(after_commit)
    here.kill(["payment"])
    in_hand = await until("what it committed is seen", charged, 10)
    print(f"killed with {in_hand} of {BATCH} charges committed and none of them said")

    await here.start(["payment"])
    query = "SELECT saga_id FROM orders WHERE customer_id = $1"
    sagas = [row["saga_id"] for row in await here.rows("order", query, customer)]
    assert len(sagas) == BATCH
    assert await gated.ends(mode, sagas) == {"SUCCESS"}
    assert await charged() == BATCH
    await gated.check_verdict()


@pytest.mark.parametrize("mode", list(Mode))
async def test_broker_wiped(gated: Story, mode: Mode) -> None:
    """Every topic is deleted while what each open order awaits lies there, and nowhere else.

    The participants are dead, so that nobody has it in hand: Postgres knows it, and says it again.
    """
    here, sagas = gated.here, list[str]()
    for service in reversed(PARTICIPANTS):
        here.kill([service])
        for faults in ("", f"{service}=100"):
            sagas += await gated.place(mode, WIPED_ORDERS, faults=faults)

        async def all_wait(step: str = f"AWAITING_{service.upper()}") -> bool:
            steps = await here.open_steps()
            return steps[step] == 2 * WIPED_ORDERS

        await until(f"orders await {service}", all_wait, 60)
        # Of what it wrote nothing is left to be published by who is killed next.
        await until("every outbox is empty", here.outboxes_empty)
    print(f"at the blow open: {dict(await here.open_steps())}")
    gated.wiped = True
    await here.wipe_topics()
    await here.start(PARTICIPANTS)
    assert await gated.ends(mode, sagas) == {"SUCCESS", "FAILED"}
    await gated.check_verdict()


# ---------------------------------------------------------------- a world of its own


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def late_starts(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Story, Mapping[Mode, list[str]]]]:
    """Each service starts for the first time when all that it should hear has long been said.

    Nothing is said again in this world: what a new group does with an old topic is what counts.
    """
    extra = {**IMPATIENT, "RESAY_AFTER_SECONDS": "600", "RESAY_MAX_SECONDS": "600"}
    logs = tmp_path_factory.mktemp("logs")
    async with world(stack, logs, services=["order"], **extra) as here:
        story = Story(here)
        sagas = {mode: await story.place(mode, EARLY_ORDERS) for mode in Mode}
        for service in ("orchestrator", *PARTICIPANTS):
            for mode in Mode:
                for topic in contract.heard_by(service, mode)[:1]:
                    await said_of_all(here, topic, sagas[mode])
            await here.start([service])
        yield story, sagas


async def said_of_all(here: World, topic: Topic, sagas: Sequence[str]) -> None:
    """Until this lies in the topic for each saga."""

    async def said() -> bool:
        found = await asyncio.to_thread(read_topics, here.bootstrap, here.prefix)
        return {one.saga_id for one in found if one.topic is topic} == set(sagas)

    await until(f"{topic.name} is said of each", said, 60)


@pytest.mark.parametrize("mode", list(Mode))
async def test_orders_placed_before_a_services_first_start(
    late_starts: tuple[Story, Mapping[Mode, list[str]]], mode: Mode
) -> None:
    """A group that is new hears its topic from the beginning."""
    story, sagas = late_starts
    assert await story.ends(mode, sagas[mode]) == {"SUCCESS"}
    facts = await story.facts(sagas[mode])
    for table in PARTICIPANTS.values():
        assert outcomes(facts, table) == ["DONE"] * EARLY_ORDERS
    await story.check_verdict()
