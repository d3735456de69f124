"""A batch's progress, read from a real Postgres."""

import asyncio
import uuid

import httpx

from integration.order_world import World, open_still, until
from order.batches import saga_id_of
from order.domain import Heard


async def placed_batch(world: World, api: httpx.AsyncClient, mode: str, orders: int) -> list[str]:
    uid = str(uuid.uuid4())
    await api.put(f"/batches/{uid}", json={"mode": mode, "orders": orders})
    pacer = asyncio.create_task(world.batches().run())

    async def placed() -> bool:
        return bool((await api.get(f"/batches/{uid}")).json()["placed"] == orders)

    await until(placed)
    pacer.cancel()
    return [uid, *(saga_id_of(uid, index) for index in range(orders))]


async def test_progress_tells_a_choreographed_batch_step_by_step(world: World) -> None:
    async with world.api() as api:
        uid, first, second, _ = await placed_batch(world, api, "choreo", 3)
        await world.hear(Heard(first, "payment-completed"), Heard(second, "payment-completed"))
        await world.hear(Heard(first, "inventory-reserved"), Heard(second, "inventory-reserved"))
        await world.hear(Heard(second, "shipment-failed", reason="no courier capacity"))
        found = (await api.get(f"/batches/{uid}/progress")).json()
        assert (await api.get("/batches/none/progress")).status_code == 404
    steps = {one["name"]: one for one in found["steps"]}
    assert [steps["payment"][key] for key in ("done", "refused", "compensated")] == [2, 0, 0]
    assert steps["inventory"]["done"] == 2
    assert steps["shipment"]["refused"] == 1
    assert steps["payment"]["p50_ms"] >= 0
    expected = {"saga_id": second, "step": "shipment", "reason": "no courier capacity"}
    assert found["failures"] == [expected]
    assert found["counts"]["running"] == 3
    assert (found["current_step"], found["owed_by"]) == ("payment", "payment")


async def test_progress_of_an_orchestrated_batch_is_the_orchestrator_s_word(world: World) -> None:
    async with world.api() as api:
        uid, saga_id = await placed_batch(world, api, "orch", 1)
        await world.record(open_still(saga_id))
        world.steps = {
            "steps": [{"step": "payment", "outcome": "ok", "durations_ms": [12]}],
            "refusals": [],
        }
        found = (await api.get(f"/batches/{uid}/progress")).json()
        assert found["steps"][0]["p99_ms"] == 12
        assert found["current_step"] == "shipment"
        world.orchestrator_is_away = True
        found = (await api.get(f"/batches/{uid}/progress")).json()
    assert "cannot be reached" in found["note"]
    assert found["counts"]["running"] == 1
