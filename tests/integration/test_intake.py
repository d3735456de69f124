"""The door for new orders: once it is closed none comes through, also none that was on its way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from integration.order_world import LIMITS, World, fresh_world, until
from order import store_intake
from order.batches import BatchDraft
from order.canary import Canary
from order.placing import Draft, IntakePaused, Placing
from order.ports import utc_now
from saga.contract import Mode

CHOREO, ORCH = Draft(Mode.CHOREO, "ada"), Draft(Mode.ORCH, "ada")
CLOSED = {"paused": True, "reason": "a new step", "by": "grace"}


@pytest.fixture
async def world(admin_url: str) -> AsyncIterator[World]:
    async with fresh_world(admin_url) as here:
        yield here


async def count(world: World) -> int:
    number: int = await world.pool.fetchval("SELECT count(*) FROM orders")
    return number


async def test_a_paused_mode_refuses_new_orders_and_says_why(world: World) -> None:
    async with world.api() as api:
        body = {"mode": "choreo", "customer_id": "ada"}
        before = await api.post("/sagas", json=body, headers={"Idempotency-Key": "before"})
        closed = await api.put("/intake/choreo", json=CLOSED)
        assert closed.status_code == 200
        assert closed.json()["open_by_step"] == {"payment": 1}

        refused = await api.post("/sagas", json=body)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "10"
        for word in ("choreography", "a new step", "grace", "brewsaga intake resume"):
            assert word in refused.json()["detail"]
        again = await api.post("/sagas", json=body, headers={"Idempotency-Key": "before"})
        assert (again.status_code, again.json()["saga_id"]) == (200, before.json()["saga_id"])
        other_mode = await api.post("/sagas", json={**body, "mode": "orch"})
        assert other_mode.status_code == 202

        await api.put("/intake/choreo", json={"paused": True, "reason": "another"})
        choreo, orch = (await api.get("/intake")).json()["modes"]
        assert (choreo["paused"], choreo["reason"], choreo["open"]) == (True, "a new step", 1)
        assert (orch["paused"], orch["open"]) == (False, 1)
        await api.put("/intake/choreo", json={"paused": False})
        assert (await api.post("/sagas", json=body)).status_code == 202


@pytest.mark.parametrize(
    "body", [{}, {"paused": "yes"}, {"paused": True, "why": ""}, {"paused": True, "by": "a\0b"}]
)
async def test_a_request_that_cannot_be_read_changes_nothing(
    world: World, body: dict[str, Any]
) -> None:
    async with world.api() as api:
        assert (await api.put("/intake/choreo", json=body)).status_code == 422
        assert (await api.put("/intake/elsewhere", json=CLOSED)).status_code == 422
    assert await world.pool.fetchval("SELECT count(*) FROM intake_pauses") == 0


async def test_a_pause_waits_for_what_is_going_through_the_door(world: World) -> None:
    """Else an order could come after whoever paused has counted what is open."""
    through, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_connection: Any) -> None:
        through.set()
        await go_on.wait()

    class Slow(Placing):
        async def write(self, orders: Any, also: Any = None) -> int:
            return await super().write(orders, slowly)

    placing = asyncio.create_task(Slow(world, LIMITS, clock=utc_now).place(CHOREO))
    await through.wait()
    async with world.pool.acquire() as connection:
        pausing = asyncio.create_task(store_intake.pause(connection, Mode.CHOREO, "", ""))
        await until(lambda: _waits_for_a_lock(world))
        assert not pausing.done()
        go_on.set()
        await pausing
    assert placing.done() or (await placing).is_new
    assert await count(world) == 1
    with pytest.raises(IntakePaused):
        await world.placing().place(CHOREO)
    assert await count(world) == 1


async def _waits_for_a_lock(world: World) -> bool:
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    return bool(await world.pool.fetchval(query))


async def test_a_batch_waits_at_the_door_and_goes_on(world: World) -> None:
    async with world.pool.acquire() as connection:
        await store_intake.pause(connection, Mode.CHOREO, "", "")
    batches = world.batches()
    await batches.put("waits", BatchDraft(CHOREO, 20))
    await batches.put("goes", BatchDraft(ORCH, 20))
    pacing = asyncio.create_task(batches.run())
    try:
        await until(lambda: _placed(world, "goes", 20))
        assert await _placed(world, "waits", 0)
        async with world.pool.acquire() as connection:
            await store_intake.resume(connection, Mode.CHOREO)
        await until(lambda: _placed(world, "waits", 20))
    finally:
        pacing.cancel()
    assert await count(world) == 40


async def test_a_paused_mode_keeps_no_canary_from_the_other(world: World) -> None:
    async with world.pool.acquire() as connection:
        await store_intake.pause(connection, Mode.CHOREO, "", "")
    await Canary(world, world.placing(), ("choreo", "orch"), 60.0).place()
    assert [row[0] for row in await world.pool.fetch("SELECT mode FROM orders")] == ["orch"]


async def _placed(world: World, batch_id: str, number: int) -> bool:
    query = "SELECT placed FROM batches WHERE batch_id = $1"
    return bool(await world.pool.fetchval(query, batch_id) == number)
