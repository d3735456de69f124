"""A choreography is changed as docs/upgrades.md says: paused, drained, changed, resumed; nothing is
lost.

The change is real: the next chain has a fourth participant. The commands are the documented ones.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from brewsaga.errors import Exit
from brewsaga.stack import Stack
from e2e.foreign.plain import Answers, Foreign, Place, Said
from e2e.records import settled
from e2e.world import World, until, world
from saga import contract
from saga.v1 import saga_pb2 as pb

ORDERS: Final = 40
LAST: Final = "shipment"
"""Not there until the drain was seen to wait: until then no order can end."""

PATIENT_SECONDS: Final = "90"

GROUP: Final = "notes"
HEARS: Final = contract.SHIPMENT_SCHEDULED


class Notes:
    """A fourth participant, which the old chain did not have: it hears of each shipment once."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    def answers(self) -> Answers:
        def scheduled(heard: Any) -> Said:
            self.sent[heard.saga_id] += 1
            return []

        return {HEARS.name: (pb.ShipmentScheduled, scheduled)}

    async def start_at_the_end(self, here: World) -> None:
        """What lies in the topic is of sagas that have ended: a new hearer has no part in it."""
        admin = AdminClient({"bootstrap.servers": here.bootstrap, "log_level": 0})
        topic = here.prefix + HEARS.name
        places = [TopicPartition(topic, number) for number in range(contract.PARTITIONS)]
        ends = admin.list_offsets(dict.fromkeys(places, OffsetSpec.latest()))
        group = ConsumerGroupTopicPartitions(
            here.prefix + GROUP,
            [TopicPartition(topic, p.partition, end.result().offset) for p, end in ends.items()],
        )
        for answer in admin.alter_consumer_group_offsets([group]).values():
            await asyncio.to_thread(answer.result)


async def brewsaga(here: World, *arguments: str) -> tuple[int, str, str]:
    """Run the command line as a person does."""
    environment = {**os.environ, "ORDER_URL": here.places["order"].url}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "brewsaga",
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def place_many(here: World) -> list[str]:
    return await here.place([{"mode": "choreo"}] * ORDERS)


async def test_paused_drained_changed_resumed(stack: Stack, tmp_path: Path) -> None:
    early = [service for service in contract.DATABASES if service != LAST]
    async with world(stack, tmp_path, services=early, OUTBOX_KEEP="true") as here:
        old = await place_many(here)
        code, _, err = await brewsaga(here, "intake", "drain")
        assert (code, "intake pause" in err) == (Exit.ERROR, True), "what is open cannot be drained"

        code, out, _ = await brewsaga(here, "intake", "pause", "--reason", "a fourth step")
        assert (code, "mode=choreography paused" in out) == (Exit.COMPLETED, True)
        await check_refused(here)
        code, out, _ = await brewsaga(here, "intake", "drain", "--timeout", "0.1")
        assert (code, "open=" in out, "open=0" in out) == (Exit.TIMED_OUT, True, False)
        await here.start([LAST])
        code, out, _ = await brewsaga(here, "intake", "drain", "--timeout", PATIENT_SECONDS)
        assert (code, "open=0" in out) == (Exit.COMPLETED, True)
        assert set((await here.ends("choreo", old, by_order=True)).values()) == {"SUCCESS"}
        await settled(here)

        notes = Notes()
        await notes.start_at_the_end(here)
        with Foreign(Place(here.bootstrap, here.prefix, GROUP), notes.answers()):
            await restart(here, contract.PARTICIPANTS)
            code, out, _ = await brewsaga(here, "intake", "resume")
            assert (code, "mode=choreography open" in out) == (Exit.COMPLETED, True)
            new = await place_many(here)
            ends = await here.ends("choreo", new, by_order=True)
            await until("the fourth has its part", lambda: _all(notes, new), 60)
        assert set(ends.values()) == {"SUCCESS"}
        assert set(notes.sent) == set(new)
        await settled(here)
        report = await here.audit()
        print(report.summary())
        assert report.quiet
        assert report.sagas == len(old) + len(new) + 1
        assert not report.violations, "\n".join(report.text())


async def check_refused(here: World) -> None:
    """New choreographed orders are refused, the others are taken."""
    url = here.places["order"].url + "/sagas"
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        refused = await client.post(url, json={"mode": "choreo"})
        taken = await client.post(url, json={"mode": "orch"})
    assert (refused.status_code, taken.status_code) == (503, 202)
    assert "a fourth step" in refused.json()["detail"]


async def restart(here: World, services: Sequence[str]) -> None:
    for service in services:
        await here.replace(service)


async def _all(notes: Notes, saga_ids: Sequence[str]) -> bool:
    return set(saga_ids) <= notes.sent.keys()
