"""The orchestrator is replaced under load, forwards and back, and no saga leaves its definition.

UPGRADE_ORDERS says how many orders are placed at least before each change (40).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from brewsaga.audit import ends as audit_ends
from brewsaga.stack import Stack, ensure_topics, migrate
from e2e.foreign.plain import Answers, Foreign, Place, Said
from e2e.holes.story import Story
from e2e.upgrade import next_image
from e2e.upgrade.next_image import AWAITED, VERSION, Image
from e2e.world import World, count_from_environment, until, world
from saga import contract
from saga.v1 import saga_pb2 as pb

ORDERS: Final = count_from_environment("UPGRADE_ORDERS", 40)
OPEN_AT_A_CHANGE: Final = 20
STEPS_AT_A_CHANGE: Final = 3
PLACERS: Final = 4
PAUSE_SECONDS: Final = 0.05
FAULTS: Final = (
    "",
    "payment=0,delay:2s",
    "inventory=0,delay:2s",
    "shipment=0,delay:2s",
    "shipment=100;release=0,delay:2s",
    "inventory=100;refund=0,delay:2s",
    "payment=30;shipment=30;refund=30",
)
"""Each holds an order back at another step, so that at each change some are open in each."""

GIVEN: Final = {
    "RESAY_AFTER_SECONDS": "1",
    "RESAY_MAX_SECONDS": "2",
    "PARK_AFTER_ATTEMPTS": "100",
    "OUTBOX_KEEP": "true",
}
WAITING: Final = "brewsaga_sagas_without_definition"
ENDED: Final = ("DONE/SUCCESS", "DONE/FAILED")


class Notify:
    """The fourth participant, plain: it refuses one saga in five at first, and is then asked again.

    It speaks in shipment's messages, which have the same fields as its own in the next image.
    """

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()

    def answers(self) -> Answers:
        def command(heard: Any) -> Said:
            self.told[heard.saga_id] += 1
            ok = self.told[heard.saga_id] > 1 or len(self.told) % 5 != 0
            reply = pb.ShipmentReply(
                saga_id=heard.saga_id,
                action=heard.action,
                ok=ok,
                shipment_id=f"note-{heard.saga_id}" if ok else "",
                reason="" if ok else "no network",
            )
            return [(next_image.REPLY, reply)]

        return {next_image.COMMAND: (pb.ShipmentCommand, command)}


@asynccontextmanager
async def placing(here: World) -> AsyncIterator[list[str]]:
    """Orders come in all the time; the ids of those that were accepted.

    In the end each call is let come to its answer: one that is broken off may have been accepted.
    """
    placed: list[str] = []
    numbers = count()
    over = asyncio.Event()

    async def place() -> None:
        while not over.is_set():
            faults = FAULTS[next(numbers) % len(FAULTS)]
            placed.extend(await here.place([{"mode": "orch", "faults": faults}]))
            await asyncio.sleep(PAUSE_SECONDS)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(PLACERS):
            tasks.create_task(place())
        yield placed
        over.set()


async def the_moment(here: World, placed: list[str], *steps: str) -> None:
    """Until enough orders came since, and many are open in several steps and in these."""
    enough = len(placed) + ORDERS

    async def come() -> bool:
        open_steps = await here.open_steps()
        spread = len(open_steps) >= STEPS_AT_A_CHANGE and open_steps.total() >= OPEN_AT_A_CHANGE
        there = all(open_steps[step] >= STEPS_AT_A_CHANGE for step in steps)
        if len(placed) >= enough and spread and there:
            print(f"{len(placed)} placed, open at the change: {dict(sorted(open_steps.items()))}")
            return True
        return False

    await until("many orders are open in several steps", come, 90)


async def versions(here: World) -> dict[str, int]:
    rows = await here.rows("orchestrator", "SELECT saga_id, flow_version FROM saga_state")
    return {row["saga_id"]: row["flow_version"] for row in rows}


async def waiting(here: World) -> list[Any]:
    """The open sagas of the new version, whole."""
    query = "SELECT * FROM saga_state WHERE flow_version = $1 AND status = 'RUNNING' ORDER BY 1"
    return await here.rows("orchestrator", query, VERSION)


async def begun(here: World, placed: list[str], number: int) -> set[str]:
    """Those of the next `number` orders from here on, once each has begun."""
    first = len(placed)
    await until("they are placed", _more_than(placed, first + number), 60)
    mine = placed[first : first + number]
    await until("they have begun", _all_known(here, mine), 60)
    return set(mine)


def _all_known(here: World, saga_ids: list[str]) -> Callable[[], Any]:
    async def known() -> bool:
        return set(saga_ids) <= (await versions(here)).keys()

    return known


def _more_than(placed: list[str], number: int) -> Callable[[], Any]:
    async def there() -> bool:
        return len(placed) >= number

    return there


async def test_orders_end_on_the_definition_that_they_began_with(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, notify = next_image.build(tmp_path / "next"), Notify()
    newer = {"PYTHONPATH": str(image.services)}
    async with world(stack, tmp_path, **GIVEN) as here:
        foreign = Place(here.bootstrap, here.prefix, "notify")
        first, second, third, fourth = [], [], [], []
        async with placing(here) as placed:
            await the_moment(here, placed)
            first = list(placed)
            await until("they have begun", _all_known(here, first), 60)
            await prepare(here, image)

            await here.replace("orchestrator", **newer)
            with Foreign(foreign, notify.answers()):
                second = list(await begun(here, placed, ORDERS))
                await until("some have ended on it", _some_ended(here), 60)
            await the_moment(here, placed, AWAITED)

            await here.replace("orchestrator")  # the older image: it cannot end what is newer
            third = list(await begun(here, placed, ORDERS // 2))
            await check_they_wait(here)

            await here.replace("orchestrator", **newer, FLOW_VERSION="1")
            with Foreign(foreign, notify.answers()):
                fourth = list(await begun(here, placed, ORDERS // 2))
                await until("none of the new version is open", _none_waits(here), 90)
                await the_moment(here, placed)
        ends = await here.ends("orch", placed, by_order=True)
        await until("every outbox is empty", here.outboxes_empty)
        print(Counter(ends.values()), Counter((await versions(here)).values()))
        found = await versions(here)
        assert len(found) == len(placed)
        for sagas, version in ((first, 1), (second, VERSION), (third, 1), (fourth, 1)):
            assert sagas
            assert {found[saga_id] for saga_id in sagas} == {version}
        await check_each_ended_on_its_own(here, notify)
        await check_verdict(here, placed, monkeypatch)


async def prepare(here: World, image: Image) -> None:
    """What the next image needs is there before it: columns and topics, under the older one."""
    admin = here.stack.postgres.admin_url
    applied = await asyncio.to_thread(
        migrate, admin, here.databases, image.schema, contract.DATABASES
    )
    assert len(applied) == 1
    new = next_image.topics(here.prefix)
    await asyncio.to_thread(ensure_topics, here.bootstrap, new, contract.PARTITIONS)


def _some_ended(here: World) -> Callable[[], Any]:
    query = "SELECT 1 FROM saga_state WHERE flow_version = $1 AND status = 'SUCCESS' LIMIT 1"

    async def ended() -> bool:
        return bool(await here.rows("orchestrator", query, VERSION))

    return ended


def _none_waits(here: World) -> Callable[[], Any]:
    async def none() -> bool:
        return not await waiting(here)

    return none


async def check_they_wait(here: World) -> None:
    """Under an image that does not know their version they stay as they are, and it is seen."""
    before = await waiting(here)
    assert before

    async def seen() -> bool:
        return await Story(here).metric("orchestrator", WAITING) == len(before)

    await until("the gauge shows them all", seen, 30)
    assert await waiting(here) == before
    assert "sagas wait for an image that carries their flow version" in (
        here.children["orchestrator"].log.read_text()
    )


async def check_each_ended_on_its_own(here: World, notify: Notify) -> None:
    history = await here.rows("orchestrator", "SELECT * FROM saga_history ORDER BY version")
    of_state = await versions(here)
    assert {row["saga_id"]: row["flow_version"] for row in history} == of_state
    assert all(row["flow_version"] == of_state[row["saga_id"]] for row in history)
    last = {row["saga_id"]: row for row in history}
    assert {row["target"] for row in last.values()} == set(ENDED)
    notified = {row["saga_id"] for row in history if AWAITED in (row["source"], row["target"])}
    delivered = {saga_id for saga_id, row in last.items() if row["target"] == ENDED[0]}
    newer = {saga_id for saga_id, version in of_state.items() if version == VERSION}
    assert notified == delivered & newer == set(notify.told)
    refused = [row for row in history if row["event"] == "notify-reply SEND refused"]
    assert refused, "none was asked again, which would prove nothing"
    rows = await here.by_saga("orchestrator", "saga_state", list(newer))
    for saga_id, row in rows.items():
        assert row["notification_id"] == (f"note-{saga_id}" if saga_id in delivered else "")


async def check_verdict(here: World, placed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit with the second version's table: 0 violations, and nothing that it cannot see."""
    legal = set(audit_ends.LEGAL[1]) - {("AWAITING_SHIPMENT", ENDED[0])}
    longer = legal | {("AWAITING_SHIPMENT", AWAITED), (AWAITED, ENDED[0])}
    monkeypatch.setattr(audit_ends, "LEGAL", {**audit_ends.LEGAL, VERSION: frozenset(longer)})
    report = await here.audit()
    print(report.summary())
    assert report.quiet
    assert report.sagas == len(placed)
    assert not [line.title for line in report.lines if line.unseen]
    assert not report.violations, "\n".join(report.text())
