"""Records runs of the newest flow version, once, before it is released: `make record-histories`.

Real services on a real Kafka and Postgres play the stories below; what the orchestrator heard, and
what its tables and topics then had, is written to a folder that later code never writes again.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from brewsaga.stack import KafkaChoice, StackConfig, running
from e2e.holes.story import IMPATIENT, Story, refused_first
from e2e.records import message
from e2e.world import until, world
from histories.replay import FOLDER, REMEMBERED, STANDING, Recording, recordings, replay
from orchestrator.brew import NEWEST
from saga import contract
from saga.contract import Mode
from saga.v1 import saga_pb2 as pb

PARK_AFTER_ATTEMPTS: Final = 3
FAILURES: Final = 2
"""Of an undo that is done at the next attempt: one less than what parks it."""

ACTION_BEYOND: Final = 77
COMMANDS: Final = contract.said_by("orchestrator", Mode.ORCH)
HEARD: Final = contract.heard_by("orchestrator", Mode.ORCH)
TERMS: Final[dict[str, Any]] = {"customer_id": "ada", "amount_cents": 300, "currency": "EUR"}

Plot = Callable[["Stage"], Awaitable[None]]


class Stage:
    """One story's saga, and what can be done to it."""

    def __init__(self, story: Story, saga_id: str) -> None:
        self._story = story
        self.saga_id = saga_id

    async def place(self, faults: str = "", **terms: Any) -> None:
        await self._story.place(Mode.ORCH, saga_id=self.saga_id, faults=faults, **TERMS | terms)

    async def place_as_others_do(self, *, cancel: bool = False, **terms: Any) -> None:
        """Straight on Kafka, with the contract's own fields and perhaps the cancel mark."""
        await self.say(contract.PLACE_ORDER, **TERMS | terms, cancel=cancel)

    async def say(self, topic: contract.Topic, **fields: Any) -> None:
        value = message(topic, saga_id=self.saga_id, **fields)
        await self._story.tell((topic, self.saga_id, value))

    async def reach(self, step: str, *, parked: bool = False) -> None:
        async def there() -> bool:
            rows = await self._story.here.by_saga("orchestrator", "saga_state", [self.saga_id])
            row = rows.get(self.saga_id)
            found = row is not None and row["current_step"] == step
            return found and (row["parked_at"] is not None) is parked

        await until(f"{self.saga_id} is in {step}", there, 60)

    async def end(self) -> None:
        await self.reach("DONE")


def ends_with(faults: str) -> Plot:
    async def plot(stage: Stage) -> None:
        await stage.place(faults)
        await stage.end()

    return plot


def cancelled_at(step: str, held: str) -> Plot:
    async def plot(stage: Stage) -> None:
        await stage.place(f"{held}=0,delay:2s")
        await stage.reach(step)
        await stage.place_as_others_do(cancel=True)
        await stage.end()

    return plot


async def cancelled_before_it_began(stage: Stage) -> None:
    await stage.place_as_others_do(cancel=True)
    await stage.end()


async def fields_of_others_alone(stage: Stage) -> None:
    await stage.place_as_others_do()
    await stage.end()


async def out_of_bounds(stage: Stage) -> None:
    await stage.place_as_others_do(amount_cents=-5)
    await stage.end()


async def late_and_doubled(stage: Stage) -> None:
    await stage.place("shipment=0,delay:2s")
    await stage.reach("AWAITING_SHIPMENT")
    authorized = {"action": pb.PAYMENT_ACTION_AUTHORIZE, "ok": True, "payment_id": "pay-again"}
    await stage.place_as_others_do()
    await stage.say(contract.PAYMENT_REPLY, **authorized)
    await stage.end()
    await stage.say(contract.PAYMENT_REPLY, action=pb.PAYMENT_ACTION_REFUND, ok=True)
    await stage.say(contract.INVENTORY_REPLY, action=pb.INVENTORY_ACTION_RESERVE, reason="late")
    await stage.say(contract.SHIPMENT_REPLY, action=pb.SHIPMENT_ACTION_SCHEDULE, reason="late")
    await stage.place_as_others_do(cancel=True)


async def contradicted_and_unknown(stage: Stage) -> None:
    await stage.place("payment=0,delay:1s")
    await stage.place_as_others_do(amount_cents=301, cancel=True)
    await stage.say(contract.PAYMENT_REPLY, action=ACTION_BEYOND, ok=True)
    await stage.end()


async def parked_refund(stage: Stage) -> None:
    await stage.place("inventory=100;refund=100")
    await stage.reach("COMPENSATING_PAYMENT", parked=True)
    await stage.say(contract.PAYMENT_REPLY, action=pb.PAYMENT_ACTION_REFUND, reason="an echo")


async def parked_release_done_after_all(stage: Stage) -> None:
    await stage.place("shipment=100;release=100")
    await stage.reach("COMPENSATING_INVENTORY", parked=True)
    await stage.say(contract.INVENTORY_REPLY, action=pb.INVENTORY_ACTION_RELEASE, ok=True)
    await stage.end()


STORIES: Final[dict[str, Plot]] = {
    "delivered": ends_with(""),
    "card declined": ends_with("payment=100"),
    "out of stock": ends_with("inventory=100"),
    "no courier": ends_with("shipment=100"),
    "refund refused at first": ends_with("inventory=100;refund=50"),
    "release refused at first": ends_with("shipment=100;release=50"),
    "cancelled before it began": cancelled_before_it_began,
    "cancelled at payment": cancelled_at("AWAITING_PAYMENT", "payment"),
    "cancelled at inventory": cancelled_at("AWAITING_INVENTORY", "inventory"),
    "cancelled too late": cancelled_at("AWAITING_SHIPMENT", "shipment"),
    "fields of others alone": fields_of_others_alone,
    "out of bounds": out_of_bounds,
    "late and doubled": late_and_doubled,
    "contradicted and unknown": contradicted_and_unknown,
    "parked refund": parked_refund,
    "parked release done after all": parked_release_done_after_all,
}
LUCK: Final = {"refund refused at first": "refund", "release refused at first": "release"}
"""Stories whose undo must fail so often and no more, which is a hash of the saga's id."""


def saga_id_of(name: str) -> str:
    if name in LUCK:
        return refused_first(LUCK[name], Mode.ORCH, FAILURES, 1)[0]
    return f"recorded-{name.replace(' ', '-')}"


async def record(story: Story, name: str, plot: Plot) -> Recording:
    """Play one story and read what was left of it. Raises AssertionError where it is not clear."""
    stage = Stage(story, saga_id_of(name))
    await plot(stage)
    await story.tell()
    said = await story.said(stage.saga_id)
    facts = await story.facts([stage.saga_id])
    state = facts["saga_state"][0]
    state["parked"] = state["parked_at"] is not None
    commands = [[one.topic.name, one.value.hex()] for one in said if one.topic in COMMANDS]
    dead = await story.here.rows(
        "orchestrator", "SELECT 1 FROM dead_letters WHERE saga_id = $1", stage.saga_id
    )
    recording = Recording(
        name,
        stage.saga_id,
        NEWEST,
        PARK_AFTER_ATTEMPTS,
        [[one.topic.name, one.value.hex()] for one in said if one.topic in HEARD],
        [command for command, _ in groupby(commands)],
        len(dead),
        [{column: row[column] for column in REMEMBERED} for row in facts["saga_history"]],
        {column: state[column] for column in STANDING},
    )
    # Topics have no common order but their times: where two fell together, record it again.
    replayed = replay(recording)
    found = (replayed.history, replayed.state, replayed.commands, replayed.dead)
    assert found == (recording.history, recording.state, recording.commands, recording.dead), name
    return recording


async def record_all(logs: Path) -> list[Recording]:
    config = replace(StackConfig.from_environment(), kafka=KafkaChoice.REAL)
    given = {**IMPATIENT, "PARK_AFTER_ATTEMPTS": str(PARK_AFTER_ATTEMPTS)}
    with running(config) as stack:
        async with world(stack, logs, **given) as here:
            story = Story(here)
            return [await record(story, name, plot) for name, plot in STORIES.items()]


def main() -> None:
    folder = FOLDER / f"v{NEWEST}"
    if recordings(NEWEST):
        sys.exit(f"{folder} has its recordings: a released version is not recorded again")
    with tempfile.TemporaryDirectory() as logs:
        found = asyncio.run(record_all(Path(logs)))
    folder.mkdir(exist_ok=True)
    for one in found:
        one.write(folder)
        print(f"{os.path.relpath(folder)}: {one.story}, {len(one.heard)} messages heard")


if __name__ == "__main__":
    main()
