"""What is said twice, late, or in words that nobody knows: it changes nothing that was decided."""

import asyncio
from typing import Any, Final

import httpx
import pytest

from e2e.holes.story import Story, entries, outcomes
from e2e.records import message
from e2e.world import until
from saga import contract
from saga.contract import Mode, Topic
from saga.v1 import saga_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLACED: Final = {Mode.CHOREO: contract.ORDER_REQUESTED, Mode.ORCH: contract.PLACE_ORDER}
CHARGED: Final = {Mode.CHOREO: contract.PAYMENT_COMPLETED, Mode.ORCH: contract.PAYMENT_REPLY}
ACTION_BEYOND: Final = 77
HELD: Final = "payment=0,delay:2s"
"""Payment answers two seconds late, so that a stranger may speak before it."""

FORWARD_REPLIES: Final = (
    (contract.PAYMENT_REPLY, pb.PAYMENT_ACTION_AUTHORIZE),
    (contract.INVENTORY_REPLY, pb.INVENTORY_ACTION_RESERVE),
    (contract.SHIPMENT_REPLY, pb.SHIPMENT_ACTION_SCHEDULE),
)


async def post(story: Story, key: str, **order: Any) -> httpx.Response:
    """One request to order's API, under an idempotency key."""
    url = story.here.places["order"].url + "/sagas"
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        return await client.post(url, json=order, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("mode", list(Mode))
async def test_placing_twice(story: Story, mode: Mode) -> None:
    """The same request is one order, however often and at whatever time it and its record come."""
    order = {"mode": mode.value, "customer_id": f"twice-{mode.value}"}
    key = f"twice-{mode.value}"
    answers = await asyncio.gather(*(post(story, key, **order) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 202]
    (saga_id,) = {answer.json()["saga_id"] for answer in answers}
    other = await post(story, key, **order, amount_cents=1)
    assert other.status_code == httpx.codes.CONFLICT
    placed = PLACED[mode], saga_id, (await story.said(saga_id, topic=PLACED[mode]))[0].value
    await story.tell(placed, placed)
    assert await story.ends(mode, [saga_id]) == {"SUCCESS"}

    before = await story.facts([saga_id])
    again = await post(story, key, **order)
    assert again.status_code == httpx.codes.OK
    await story.tell(placed, placed)
    assert await story.facts([saga_id]) == before
    assert entries(before, "ledger", "charge") == 2
    assert len(before["assignments"]) == 1
    assert len(before["saga_history"]) == (4 if mode is Mode.ORCH else 0)
    query = "SELECT 1 FROM orders WHERE customer_id = $1"
    assert len(await story.here.rows("order", query, order["customer_id"])) == 1
    charges = await story.said(saga_id, topic=CHARGED[mode])
    assert {one.text("payment_id") for one in charges} == {before["payments"][0]["payment_id"]}
    await story.check_verdict()


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_late_reply_after_the_end(story: Story, mode: Mode) -> None:
    """Every word of a saga again, the last one first: answered alike, and the end is not left."""
    delivered = await story.place(mode)
    undone = await story.place(mode, faults="shipment=100")
    assert await story.ends(mode, delivered) == {"SUCCESS"}
    assert await story.ends(mode, undone) == {"FAILED"}
    sagas = [*delivered, *undone]
    before = await story.facts(sagas)
    words = await story.said(*sagas)
    await story.tell(*((one.topic, one.saga_id, one.value) for one in reversed(words)))
    repeated = await story.said(*sagas)
    assert len(repeated) > 2 * len(words), "nobody answered"
    new = [one for one in repeated if one.value not in {word.value for word in words}]
    assert {one.text("reason") for one in new} == (set() if mode is Mode.CHOREO else {"undone"})
    assert await story.facts(sagas) == before
    await story.check_verdict()


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_late_refusal_after_success(story: Story, mode: Mode) -> None:
    """A refusal of what was delivered undoes nothing; the audit names the word that is false."""
    (saga_id,) = await story.place(mode)
    assert await story.ends(mode, [saga_id]) == {"SUCCESS"}
    before = await story.facts([saga_id])
    story.contradicted.add(saga_id)
    if mode is Mode.CHOREO:
        ends: tuple[Topic, ...] = (contract.PAYMENT_FAILED, contract.PAYMENT_REFUNDED)
        words = [(topic, message(topic, saga_id=saga_id, reason="late")) for topic in ends]
        counted = "order", "brewsaga_invariant_violations_total"
    else:
        words = [
            (topic, message(topic, saga_id=saga_id, action=action, ok=False, reason="late"))
            for topic, action in FORWARD_REPLIES
        ]
        counted = "orchestrator", "brewsaga_late_events_total"
    seen = await story.metric(*counted, mode=mode.long)
    await story.tell(*((topic, saga_id, value) for topic, value in words))
    assert await story.metric(*counted, mode=mode.long) == seen + len(words)
    assert await story.facts([saga_id]) == before
    assert outcomes(before, "shipments") == ["DONE"]
    assert entries(before, "ledger", "refund") == 0
    await story.check_verdict()


async def test_a_reply_to_an_unknown_action(story: Story) -> None:
    """Only participant and action that are awaited move a saga: orchestration alone has actions."""
    (saga_id,) = await story.place(Mode.ORCH, faults=HELD)

    async def awaited() -> bool:
        return bool((await story.facts([saga_id]))["saga_state"])

    await until("the orchestrator awaits the payment", awaited)
    forged = {"saga_id": saga_id, "ok": True, "payment_id": "forged", "reservation_id": "forged"}
    actions = (pb.PAYMENT_ACTION_UNSPECIFIED, ACTION_BEYOND, pb.PAYMENT_ACTION_REFUND)
    await story.tell(
        *(
            (topic, saga_id, message(topic, action=action, **forged))
            for topic, action in (
                *((contract.PAYMENT_REPLY, action) for action in actions),
                (contract.INVENTORY_REPLY, ACTION_BEYOND),
                (contract.SHIPMENT_REPLY, ACTION_BEYOND),
            )
        )
    )
    query = "SELECT * FROM dead_letters WHERE saga_id = $1"
    letters = await story.here.rows("orchestrator", query, saga_id)
    assert [row["reason"] for row in letters] == ["unknown_action"] * 4
    assert await story.ends(Mode.ORCH, [saga_id]) == {"SUCCESS"}
    facts = await story.facts([saga_id])
    history = facts["saga_history"]
    assert max(row["heard_at"] for row in letters) < history[1]["created_at"], "heard too late"
    assert [row["event"] for row in history] == [
        "place-order",
        "payment-reply AUTHORIZE ok",
        "inventory-reply RESERVE ok",
        "shipment-reply SCHEDULE ok",
    ]
    assert facts["saga_state"][0]["payment_id"] == facts["payments"][0]["payment_id"]
    await check_unknown_commands(story)
    await story.check_verdict()


async def check_unknown_commands(story: Story) -> None:
    """A participant that is told an unknown action does nothing, and answers nothing."""
    saga_id = "unknown-action"
    commands = (contract.PAYMENT_COMMAND, contract.INVENTORY_COMMAND, contract.SHIPMENT_COMMAND)
    words = [
        (topic, saga_id, message(topic, saga_id=saga_id, action=action, amount_cents=300))
        for topic in commands
        for action in (0, ACTION_BEYOND)
    ]
    await story.tell(*words)
    assert len(await story.said(saga_id)) == len(words)
    assert not any((await story.facts([saga_id])).values())
    for topic in commands:
        query = "SELECT reason FROM dead_letters WHERE saga_id = $1"
        rows = await story.here.rows(topic.heard_by[0], query, saga_id)
        assert [row["reason"] for row in rows] == ["unknown_action"] * 2
