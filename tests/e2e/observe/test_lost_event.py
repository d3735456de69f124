"""One event of one saga is lost, at each hop of a choreography, under load: who is told, and when.

`list --stuck`, the web page and the alert must name the saga's step and the service that owes it,
long before anything is said again. DRILL_RATE is the load in orders a second and mode.
"""

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from alerts.blocks import RULES
from brewsaga.services_runner import SERVICES_FOLDER
from brewsaga.stack import Stack
from e2e.observe.load import under_load
from e2e.observe.watched import STEP_SECONDS, Watched, watched
from e2e.world import World, count_from_environment, until
from saga.contract import STEPS

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

LOSING: Final = Path(__file__).with_name("losing")
RATE: Final = count_from_environment("DRILL_RATE", 20)
STUCK_AFTER_SECONDS: Final = 3.0
NAMED_SECONDS: Final = 5.0
RESAY_SECONDS: Final = 30.0
ALERT_SECONDS: Final = 7.0
"""The drill's threshold: the gauge's own age, 5 s at most, is within it."""
SCRAPES: Final = 2
OWED_BY: Final = {step.name: step.owed_by for step in STEPS}

ROUNDS: Final = (
    {
        "order-requested": ("", "payment"),
        "inventory-reserved": ("", "inventory"),
        "shipment-scheduled": ("", "shipment"),
        "inventory-released": ("shipment=100", "release"),
        "payment-refunded": ("shipment=100", "refund"),
    },
    {
        "payment-completed": ("", "payment"),
        "inventory-failed": ("inventory=100", "inventory"),
        "shipment-failed": ("shipment=100", "shipment"),
    },
    {"payment-failed": ("payment=100", "payment")},
)
"""The event that is lost: the order's faults, and the step that it stays in. A step is in a round
once, so that an alert tells which saga is meant.
"""


@pytest.fixture
def losing() -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join([str(SERVICES_FOLDER), str(LOSING)]),
        "RESAY_AFTER_SECONDS": f"{RESAY_SECONDS:g}",
        "RESAY_MAX_SECONDS": f"{RESAY_SECONDS:g}",
        "STUCK_AFTER_SECONDS": f"{STUCK_AFTER_SECONDS:g}",
    }


async def test_a_lost_event_is_named_with_who_owes_it(
    stack: Stack, tmp_path: Path, losing: dict[str, str]
) -> None:
    rules = RULES.read_text().replace("> 120", f"> {ALERT_SECONDS:g}")
    async with watched(stack, tmp_path, rules, **losing) as here:
        async with under_load(here.world, RATE):
            for lost in ROUNDS:
                await is_named(here, lost)
        report = await here.world.audit()
        assert not report.violations, report.text()


async def is_named(here: Watched, lost: dict[str, tuple[str, str]]) -> None:
    """Lose these, see each named, and see each end by itself."""
    steps: dict[str, str] = {}
    for event, (faults, step) in lost.items():
        saga_id = f"lost-{event}-{uuid.uuid4().hex[:8]}"
        await here.world.place([{"mode": "choreo", "saga_id": saga_id, "faults": faults}])
        steps[saga_id] = step
    async with asyncio.TaskGroup() as looking:
        looking.create_task(all_named(here.world, "list --stuck", listed, steps))
        looking.create_task(all_named(here.world, "the web page", on_page, steps))
        looking.create_task(alerted(here, steps))
    ends = await here.world.ends("choreo", list(steps), by_order=True)
    assert len(ends) == len(steps)

    async def over() -> bool:
        return "SagaStuck" not in await here.prometheus.firing()

    await until("SagaStuck is over", over, 30)


Look = Callable[[World], Awaitable[dict[str, tuple[str, str]]]]


async def all_named(here: World, where: str, look: Look, steps: dict[str, str]) -> None:
    """Each is named with step and service, soon after the last that was heard of it."""
    named: dict[str, float] = {}
    while len(named) < len(steps):
        seen = await look(here)
        now = time.time()
        for saga_id in set(steps) & set(seen) - set(named):
            assert seen[saga_id] == (steps[saga_id], OWED_BY[steps[saga_id]])
            named[saga_id] = now
        await asyncio.sleep(0.1)
    rows = await here.by_saga("order", "orders", list(steps))
    after = {one: named[one] - rows[one]["updated_at"].timestamp() for one in steps}
    for saga_id, seconds in after.items():
        step = steps[saga_id]
        print(f"{where}: {saga_id}, {step} owed by {OWED_BY[step]}: {seconds:.1f} s")
    assert max(after.values()) <= NAMED_SECONDS


async def listed(here: World) -> dict[str, tuple[str, str]]:
    """What `brewsaga list --stuck` says of each: the step it waits for, and who owes it."""
    command = [
        sys.executable,
        "-m",
        "brewsaga",
        "list",
        "--stuck",
        "--mode",
        "choreo",
        "-o",
        "json",
    ]
    environment = {**os.environ, "ORDER_URL": here.places["order"].url}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    words = {step.current_step: step.name for step in STEPS}
    found: list[dict[str, Any]] = json.loads(out)
    return {one["saga_id"]: (words[one["current_step"]], one["owed_by"]) for one in found}


async def on_page(here: World) -> dict[str, tuple[str, str]]:
    """What the first page says of each stuck saga, as a browser is given it."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        answer = await client.get(here.places["order"].url, headers={"Accept": "text/html"})
    rows = answer.text.partition('id="stuck"')[2].split("<tr")[1:]
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        saga_id = row.partition('href="/sagas/')[2].partition('"')[0]
        for step, service in OWED_BY.items():
            if f"<strong>{service}</strong> owes {step}" in row:
                found[saga_id] = (step, service)
    return found


async def alerted(here: Watched, steps: dict[str, str]) -> None:
    """SagaStuck fires for each step within two scrapes of its threshold, and an evaluation."""
    fired: dict[str, float] = {}
    while set(steps.values()) - set(fired):
        now = time.time()
        for one in (await here.prometheus.firing()).get("SagaStuck", []):
            assert one["mode"] == "choreography"
            fired.setdefault(one["step"], now)
        await asyncio.sleep(0.1)
    assert set(fired) == set(steps.values()), "a step that nothing is stuck in"
    rows = await here.world.by_saga("order", "orders", list(steps))
    for saga_id, step in steps.items():
        late = fired[step] - rows[saga_id]["updated_at"].timestamp() - ALERT_SECONDS
        print(f"SagaStuck: choreography, {step}: {late:.1f} s after its threshold")
        assert late <= (SCRAPES + 1) * STEP_SECONDS
