"""Order's SQL and HTTP against a real Postgres, with a runtime that only notes what is said."""

import asyncio
import uuid
from collections.abc import AsyncIterator

from integration.order_world import LIMITS, World, open_still, until
from order import store_orders, wire
from order.batches import saga_id_of
from order.canary import CUSTOMER, Canary
from order.domain import Heard
from order.follower import Follower
from order.handler import Timeline
from order.placing import Draft, Placing
from order.ports import utc_now
from order.store_follow import Report
from saga.contract import Mode, Outcome
from saga.terms import Terms
from saga.v1 import saga_pb2
from sagakit.core.deadletters import Reason
from sagakit.shell.ports import Message, Record
from worked import work


async def test_placing_writes_a_row_and_says_it(world: World) -> None:
    async with world.api() as api:
        key = {"Idempotency-Key": "k"}
        body = {"mode": "Choreography", "drink": "geisha", "quantity": 2}
        first = await api.post("/sagas", json=body, headers=key)
        again = await api.post("/sagas", json=body, headers=key)
        other = await api.post("/sagas", json={**body, "quantity": 3}, headers=key)
        assert [one.status_code for one in (first, again, other)] == [202, 200, 409]
        assert first.json()["saga_id"] == again.json()["saga_id"]
        assert len(world.outgoing) == 1
        shown = (await api.get(first.headers["Location"])).json()
    assert (shown["amount_cents"], shown["owed_by"], shown["step"]) == (1800, "payment", "payment")


async def test_a_saga_id_is_a_key_of_its_own(world: World) -> None:
    placing = world.placing()
    draft = Draft(Mode.ORCH, "anna", saga_id="s-1")
    assert (await placing.place(draft)).is_new
    assert not (await placing.place(draft)).is_new


async def test_what_is_out_of_bounds_is_refused_by_name(world: World) -> None:
    async with world.api() as api:
        for body, field_name in (
            ({"mode": "choreo", "drink": "tea"}, "drink"),
            ({"mode": "choreo", "amount_cents": 0}, "amount_cents"),
            ({"mode": "choreo", "quantity": 1001}, "quantity"),
            ({"mode": "choreo", "deadline_seconds": -1}, "deadline_seconds"),
            ({"mode": "choreo", "customer_id": ""}, "customer_id"),
            ({"mode": "choreo", "customer_id": "a\0"}, "customer_id"),
            ({"mode": "choreo", "saga_id": "a b"}, "saga_id"),
            ({"mode": "neither"}, "mode"),
            ({"mode": "choreo", "colour": "red"}, "colour"),
        ):
            answer = await api.post("/sagas", json=body)
            assert answer.status_code == 422, body
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["errors"][0]["field"] == field_name
        large = await api.post("/sagas", content=b"{" + b" " * 70_000)
        assert large.status_code == 413

        async def in_pieces() -> AsyncIterator[bytes]:
            for _ in range(70):
                yield b" " * 1_000

        assert (await api.post("/sagas", content=in_pieces())).status_code == 413
    assert world.outgoing == []


async def test_too_much_in_flight_is_refused(world: World) -> None:
    async with world.api() as api:
        body = {"mode": "orch", "orders": 50}
        assert (await api.put("/batches/full", json=body)).status_code == 202
        pacer = asyncio.create_task(world.batches().run())

        async def placed() -> bool:
            return bool((await api.get("/batches/full")).json()["placed"] == 50)

        await until(placed)
        pacer.cancel()
        answer = await api.post("/sagas", json={"mode": "choreo"})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"


async def test_a_batch_goes_on_where_a_process_left_it(world: World) -> None:
    uid = str(uuid.uuid4())
    async with world.api() as api:
        await api.put(f"/batches/{uid}", json={"mode": "choreo", "orders": 30, "rate": 400})
        for part in (10, 30):
            pacer = asyncio.create_task(world.batches().run())

            async def reached(number: int = part) -> bool:
                return bool((await api.get(f"/batches/{uid}")).json()["placed"] >= number)

            await until(reached)
            pacer.cancel()
        summary = (await api.get(f"/batches/{uid}")).json()
        again = await api.put(f"/batches/{uid}", json={"mode": "choreo", "orders": 31})
    assert again.status_code == 409
    assert summary["counts"]["running"] == 30
    assert {one.key for one in world.outgoing} == {saga_id_of(uid, index) for index in range(30)}
    assert len(world.outgoing) == 30


async def test_a_cancelled_batch_places_no_more(world: World) -> None:
    async with world.api() as api:
        body = {"mode": "choreo", "orders": 100, "rate_per_second": 0.01}
        await api.put("/batches/slow", json=body)
        pacer = asyncio.create_task(world.batches().run())

        async def one_placed() -> bool:
            return bool((await api.get("/batches/slow")).json()["placed"] == 1)

        await until(one_placed)
        cancelled = (await api.post("/batches/slow/cancel")).json()
        pacer.cancel()
    assert (cancelled["asked_to_cancel"], cancelled["cancel_asked"]) == (1, True)
    assert saga_pb2.OrderRequested.FromString(world.outgoing[-1].payload).cancel


async def test_a_timeline_keeps_the_order_of_hearing_and_counts_repeats(world: World) -> None:
    placed = await world.placing().place(Draft(Mode.CHOREO, "anna"))
    steps = ("payment-completed", "inventory-reserved", "shipment-scheduled")
    await world.hear(*(Heard(placed.saga_id, step, reference=f"r-{step}") for step in steps))
    again = await world.hear(Heard(placed.saga_id, steps[0]), Heard(placed.saga_id, steps[0]))
    assert again.duplicates == 2
    async with world.api() as api:
        shown = (await api.get(f"/sagas/{placed.saga_id}/timeline")).json()
    assert [event["event"] for event in shown["events"]] == list(steps)
    assert [event["repeats"] for event in shown["events"]] == [2, 0, 0]
    row = await world.row(placed.saga_id)
    assert (row["status"], row["outcome"], row["version"]) == ("SUCCESS", "completed", 2)
    assert row["ended_at"] is not None


async def test_a_timeline_is_printed_as_it_grows(world: World) -> None:
    lines: list[str] = []
    timeline = Timeline(resay_after_seconds=5.0, utc_now=utc_now, print_line=lines.append)
    for event, reason in (("payment-completed", ""), ("inventory-failed", "out of stock")):
        record = Record(f"choreo.{event}", 0, 0, None, b"-")
        async with world.pool.acquire() as connection, connection.transaction():
            heard = Heard("s-1", event, reason=reason)
            await work(connection, timeline, [Message(record, heard)])
    assert lines == [
        "TIMELINE saga=s-1 payment-completed",
        "TIMELINE saga=s-1 payment-completed > inventory-failed (out of stock)",
    ]


async def test_a_foreign_saga_is_adopted_with_its_past_and_said_again(world: World) -> None:
    await world.hear(Heard("f-1", "payment-completed"))
    terms = Terms("ben", 750, "EUR", "", 0, None, "")
    handled = await world.hear(Heard("f-1", "order-requested", occurred_at=utc_now(), terms=terms))
    assert handled.dead == []
    row = await world.row("f-1")
    assert (row["adopted"], row["current_step"]) == (True, "AWAITING_INVENTORY")
    other = Heard("f-1", "order-requested", terms=Terms("ben", 751, "EUR"))
    assert [one.reason for one in (await world.hear(other)).dead] == [Reason.CONTRADICTION]


async def test_an_event_of_an_orchestrated_saga_is_a_dead_letter(world: World) -> None:
    placed = await world.placing().place(Draft(Mode.ORCH, "anna"))
    handled = await world.hear(Heard(placed.saga_id, "payment-completed"))
    assert [one.reason for one in handled.dead] == [Reason.OTHER_MODE]


async def test_an_open_order_is_said_again_word_for_word(world: World) -> None:
    draft = Draft(Mode.CHOREO, "anna", drink="geisha", deadline_seconds=60, faults="refund=1")
    placed = await world.placing().place(draft)

    async def said_twice() -> bool:
        world.outgoing += await world.due()
        return len(world.outgoing) >= 3

    await until(said_twice)
    assert len({one.payload for one in world.outgoing}) == 1
    async with world.api() as api:
        assert (await api.post(f"/sagas/{placed.saga_id}/cancel")).status_code == 202
        await world.hear(Heard(placed.saga_id, "payment-failed", reason="cancelled"))
        ended = await api.post(f"/sagas/{placed.saga_id}/cancel")
    assert ended.status_code == 409
    said = [wire.decode(Record(one.topic, 0, 0, None, one.payload)) for one in world.outgoing]
    assert said[-1].cancel
    assert said[-1].occurred_at == said[0].occurred_at
    await world.pool.execute("UPDATE orders SET say_again_at = now()")
    assert await world.due() == []


async def test_place_order_is_said_again_until_it_is_known_and_the_cancel_noted(
    world: World,
) -> None:
    placing = world.placing()
    placed = await placing.place(Draft(Mode.ORCH, "anna"))

    async def said_again() -> bool:
        return bool(await world.due())

    await until(said_again)
    await world.record(open_still(placed.saga_id))
    silent = "SELECT say_again_at = 'infinity' FROM orders"
    assert await world.pool.fetchval(silent)
    async with world.pool.acquire() as connection:
        await store_orders.begin_anew(connection, LIMITS.modes, 0.01)
    assert await world.pool.fetchval(silent)
    await placing.cancel([placed.saga_id])
    await world.record(open_still(placed.saga_id))
    await until(said_again)
    await world.record(open_still(placed.saga_id, cancel_noted=True, parked=True))
    assert await world.pool.fetchval(silent)
    end = Report(placed.saga_id, "FAILED", "DONE", Outcome.COMPENSATED, "cancelled", False, True)
    assert [one.outcome for one in await world.record(end)] == ["compensated"]
    assert await world.record(open_still(placed.saga_id)) == []
    assert (await world.row(placed.saga_id))["status"] == "FAILED"


async def test_the_follower_learns_ends_after_an_outage(world: World) -> None:
    world.orchestrator_is_away = True
    follower = Follower(world.pool, world.client())
    following = asyncio.create_task(follower.run())
    placed = await Placing(world, LIMITS, clock=utc_now, placed=follower.placed).place(
        Draft(Mode.ORCH, "anna")
    )
    async with world.api() as api:
        told = (await api.get(f"/sagas/{placed.saga_id}/timeline")).json()
        assert "cannot be reached" in told["note"]
        world.orchestrator_is_away = False
        told = (await api.get(f"/sagas/{placed.saga_id}/timeline")).json()
        assert "does not know this saga yet" in told["note"]
        world.orchestrator[placed.saga_id] = {
            "saga_id": placed.saga_id,
            "status": "FAILED",
            "current_step": "DONE",
            "payment_id": "",
            "failure_reason": "card declined",
        }

        async def ended() -> bool:
            return bool((await world.row(placed.saga_id))["outcome"] == "rejected")

        await until(ended)
        listed = (await api.get("/sagas", params={"status": "FAILED", "mode": "orch"})).json()
    following.cancel()
    assert [saga["failure_reason"] for saga in listed["sagas"]] == ["card declined"]


async def test_pages_go_through_all_orders_once(world: World) -> None:
    for number in range(5):
        await world.placing().place(Draft(Mode.CHOREO, "anna", saga_id=f"s-{number}"))
    seen, cursor = [], None
    async with world.api() as api:
        while True:
            given = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            page = (await api.get("/sagas", params=given)).json()
            seen += [saga["saga_id"] for saga in page["sagas"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert (await api.get("/sagas?cursor=abc")).status_code == 422
        assert (await api.get("/sagas?since=never")).status_code == 422
    assert seen == [f"s-{number}" for number in (4, 3, 2, 1, 0)]


async def test_the_canary_orders_in_each_mode_and_tells_of_ends_alone(world: World) -> None:
    canary = Canary(world, world.placing(), LIMITS.modes, every_seconds=1.0)
    await canary.place()
    rows = {row["mode"]: row for row in await world.pool.fetch("SELECT * FROM orders")}
    assert {row["customer_id"] for row in rows.values()} == {CUSTOMER}
    assert await canary.ends() == []
    await world.hear(Heard(rows["choreo"]["saga_id"], "shipment-scheduled"))
    ended = await world.row(rows["choreo"]["saga_id"])
    labels = ("choreography", "completed")
    seen = ("canary_last_end_timestamp_seconds", labels, ended["ended_at"].timestamp())
    assert await canary.ends() == [seen]
    assert await canary.ends() == []
