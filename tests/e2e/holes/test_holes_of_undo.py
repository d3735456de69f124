"""An undo that comes twice, too early, for two causes, or is refused: it is done once, and done."""

import uuid
from dataclasses import dataclass
from typing import Final

import pytest

from e2e.holes.story import Facts, Story, entries, outcomes, refused_first
from e2e.records import message
from e2e.world import until
from saga import contract
from saga.contract import Mode, Topic
from saga.v1 import saga_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAUSES: Final = (contract.INVENTORY_FAILED, contract.INVENTORY_RELEASED)
NO_STOCK: Final = "inventory=100"
NO_COURIER: Final = "shipment=100"
LATER: Final = ",delay:5s"
"""The refusal is said late, so that a stranger may speak before it on a busy machine too."""

FAILURES: Final = 2
ENTRIES: Final = 2
"""Of a movement: of money in two accounts, of an espresso's stock in two ingredients."""


async def holding(story: Story, table: str, saga_ids: list[str]) -> None:
    """Until the participant has done its part for each."""

    async def done() -> bool:
        return outcomes(await story.facts(saga_ids), table) == ["DONE"] * len(saga_ids)

    await until(f"{table} are done", done)


def refund(saga_id: str) -> tuple[Topic, str, bytes]:
    """The orchestrator's command, in the contract's own fields."""
    fields = {"saga_id": saga_id, "action": pb.PAYMENT_ACTION_REFUND}
    return contract.PAYMENT_COMMAND, saga_id, message(contract.PAYMENT_COMMAND, **fields)


def release(saga_id: str) -> tuple[Topic, str, bytes]:
    """As `refund`."""
    fields = {"saga_id": saga_id, "action": pb.INVENTORY_ACTION_RELEASE}
    return contract.INVENTORY_COMMAND, saga_id, message(contract.INVENTORY_COMMAND, **fields)


def event(topic: Topic, saga_id: str) -> tuple[Topic, str, bytes]:
    """A choreographed cause of an undo."""
    return topic, saga_id, message(topic, saga_id=saga_id, reason="told by a stranger")


def check_refunded_once(facts: Facts, sagas: int) -> None:
    assert outcomes(facts, "payments") == ["UNDONE"] * sagas
    assert entries(facts, "ledger", "charge") == ENTRIES * sagas
    assert entries(facts, "ledger", "refund") == ENTRIES * sagas
    assert sum(row["amount_cents"] for row in facts["ledger"]) == 0


@pytest.mark.parametrize("mode", list(Mode))
async def test_both_causes_of_a_refund(story: Story, mode: Mode) -> None:
    """Each cause refunds, and a saga that hears both, together or later, is refunded once."""
    no_stock, no_courier, both = [
        (await story.place(mode, faults=faults))[0]
        for faults in (NO_STOCK, NO_COURIER, NO_STOCK + LATER)
    ]
    sagas = [no_stock, no_courier, both]
    await holding(story, "payments", [both])
    if mode is Mode.CHOREO:
        await story.tell(*(event(cause, both) for cause in CAUSES))
    assert await story.ends(mode, sagas) == {"FAILED"}
    before = await story.facts(sagas)
    check_refunded_once(before, len(sagas))
    if mode is Mode.CHOREO:
        story.contradicted.update(sagas)  # no saga has both causes: what is told here is false
        await story.tell(*(event(cause, saga_id) for saga_id in sagas for cause in CAUSES))
        told = contract.PAYMENT_REFUNDED
    else:
        await story.tell(*(refund(saga_id) for saga_id in sagas for _ in CAUSES))
        told = contract.PAYMENT_REPLY
    assert await story.facts(sagas) == before
    words = [
        one
        for one in await story.said(*sagas, topic=told)
        if mode is Mode.CHOREO or one.message.action == pb.PAYMENT_ACTION_REFUND
    ]
    assert len(words) >= 3 * len(sagas), "a duplicate is answered"
    assert len({one.value for one in words}) == len(sagas), "with what is stored, word for word"
    await story.check_verdict()


@pytest.mark.parametrize("mode", list(Mode))
async def test_release_told_twice(story: Story, mode: Mode) -> None:
    """Told twice before shipment refuses and twice after the end: the units are put back once."""
    shelf = await story.here.rows("inventory", "SELECT * FROM stock ORDER BY ingredient")
    sagas = await story.place(mode, 3, faults=NO_COURIER + LATER, drink="flat-white", quantity=2)
    await holding(story, "reservations", sagas)
    reserved = await story.facts(sagas)
    if mode is Mode.CHOREO:
        twice = [event(contract.SHIPMENT_FAILED, saga_id) for saga_id in sagas] * 2
        told = contract.INVENTORY_RELEASED
    else:
        twice = [release(saga_id) for saga_id in sagas] * 2
        told = contract.INVENTORY_REPLY
    await story.tell(*twice)
    assert await story.ends(mode, sagas) == {"FAILED"}
    before = await story.facts(sagas)
    moved = entries(reserved, "stock_moves", "reserve")
    assert moved >= len(sagas)
    assert entries(before, "stock_moves", "release") == moved
    assert outcomes(before, "reservations") == ["UNDONE"] * len(sagas)
    check_refunded_once(before, len(sagas))
    await story.tell(*twice)
    assert await story.facts(sagas) == before
    assert await story.here.rows("inventory", "SELECT * FROM stock ORDER BY ingredient") == shelf
    words = [
        one
        for one in await story.said(*sagas, topic=told)
        if mode is Mode.CHOREO or one.message.action == pb.INVENTORY_ACTION_RELEASE
    ]
    assert len(words) >= 5 * len(sagas), "a duplicate is answered"
    assert len({one.value for one in words}) == len(sagas), "with what is stored, word for word"
    await story.check_verdict()


@pytest.mark.parametrize("mode", list(Mode))
async def test_refund_before_the_charge(story: Story, mode: Mode) -> None:
    """It leaves a fence: the charge that comes later is refused, and no money ever moves."""
    sagas = [str(uuid.uuid4()) for _ in CAUSES]
    if mode is Mode.CHOREO:
        early = [event(cause, saga_id) for cause, saga_id in zip(CAUSES, sagas, strict=True)]
    else:
        early = [refund(saga_id) for saga_id in sagas]
    await story.tell(*early)
    assert outcomes(await story.facts(sagas), "payments") == ["VOID"] * len(sagas)
    for saga_id in sagas:
        assert await story.place(mode, saga_id=saga_id) == [saga_id]
    assert await story.ends(mode, sagas) == {"FAILED"}
    facts = await story.facts(sagas)
    assert outcomes(facts, "payments") == ["VOID"] * len(sagas)
    assert not facts["ledger"]
    assert not facts["reservations"]
    assert {row["failure_reason"] for row in facts["orders"]} == {"void"}
    assert {row["outcome"] for row in facts["orders"]} == {"rejected"}
    topic = contract.PAYMENT_FAILED if mode is Mode.CHOREO else contract.PAYMENT_REPLY
    answers = await story.said(*sagas, topic=topic)
    assert len(answers) >= 2 * len(sagas), "both the undo and the do are answered"
    await story.check_verdict()


# ---------------------------------------------------------------- an undo that is refused


@dataclass(frozen=True, slots=True)
class Undo:
    """An undo that can be refused, and where that is seen."""

    name: str
    faults: str
    rows: str
    effects: str
    announced: Topic
    state: str
    event: str


REFUND: Final = Undo(
    "refund",
    "inventory=100;refund=50",
    "payments",
    "ledger",
    contract.PAYMENT_REFUNDED,
    "COMPENSATING_PAYMENT",
    "payment-reply REFUND",
)
RELEASE: Final = Undo(
    "release",
    "shipment=100;release=50",
    "reservations",
    "stock_moves",
    contract.INVENTORY_RELEASED,
    "COMPENSATING_INVENTORY",
    "inventory-reply RELEASE",
)


@pytest.mark.parametrize("mode", list(Mode))
async def test_refund_refused(story: Story, mode: Mode) -> None:
    await check_insists(story, mode, REFUND)


@pytest.mark.parametrize("mode", list(Mode))
async def test_release_refused(story: Story, mode: Mode) -> None:
    await check_insists(story, mode, RELEASE)


async def check_insists(story: Story, mode: Mode, undo: Undo) -> None:
    """Refused twice it is tried a third time, and only then does the saga go on and end."""
    sagas = refused_first(undo.name, mode, FAILURES, 3)
    for saga_id in sagas:
        await story.place(mode, saga_id=saga_id, faults=undo.faults)
    assert await story.ends(mode, sagas) == {"FAILED"}
    facts = await story.facts(sagas)
    assert [row["attempts"] for row in facts[undo.rows]] == [FAILURES] * len(sagas)
    assert outcomes(facts, undo.rows) == ["UNDONE"] * len(sagas)
    assert entries(facts, undo.effects, undo.name) == ENTRIES * len(sagas)
    check_refunded_once(facts, len(sagas))
    check_ended_after(facts, undo)
    if mode is Mode.CHOREO:
        words = await story.said(*sagas, topic=undo.announced)
        assert len({one.value for one in words}) == len(sagas)
    else:
        tried = [row["event"] for row in facts["saga_history"] if row["source"] == undo.state]
        refused, done = f"{undo.event} refused", f"{undo.event} ok"
        assert tried.count(refused) == FAILURES * len(sagas)
        assert tried.count(done) == len(sagas)
    await story.check_verdict()


def check_ended_after(facts: Facts, undo: Undo) -> None:
    """No order has ended before what it took was given back."""
    ended = {row["saga_id"]: row["ended_at"] for row in facts["orders"]}
    for row in facts[undo.effects]:
        assert row["created_at"] < ended[row["saga_id"]]
