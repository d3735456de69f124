"""How the steps of many sagas went, read from the orchestrator's own history."""

import asyncio
import uuid
from pathlib import Path

import asyncpg

import declared
from brewsaga.stack import ensure_databases, migrate
from orchestrator.api import create_app
from orchestrator.ends import Ends

DB = Path(__file__).parents[2] / "db"
WENT_BACK = (
    # version, source, target, event, reason, milliseconds since the first
    (1, "", "AWAITING_PAYMENT", "place-order", "", 0),
    (2, "AWAITING_PAYMENT", "AWAITING_INVENTORY", "payment-reply AUTHORIZE ok", "", 10),
    (3, "AWAITING_INVENTORY", "AWAITING_INVENTORY", "place-order cancel", "", 15),
    (4, "AWAITING_INVENTORY", "COMPENSATING_PAYMENT", "inventory-reply RESERVE refused", "no", 30),
    (5, "COMPENSATING_PAYMENT", "COMPENSATING_PAYMENT", "payment-reply REFUND refused", "", 40),
    (6, "COMPENSATING_PAYMENT", "DONE/FAILED", "payment-reply REFUND ok", "", 100),
)


async def test_a_step_lasts_from_when_the_saga_came_to_it(admin_url: str) -> None:
    prefix = f"t{uuid.uuid4().hex[:8]}_"
    urls = await asyncio.to_thread(ensure_databases, admin_url, prefix, ["orchestrator"])
    await asyncio.to_thread(migrate, admin_url, prefix, DB, ["orchestrator"])
    async with asyncpg.create_pool(urls["orchestrator"], min_size=1, max_size=2) as pool:
        await pool.executemany(
            "INSERT INTO saga_history VALUES ('s-1', $1, $2, $3, $4, $5,"
            " timestamptz '2026-01-01 00:00+00' + $6 * interval '1 ms')",
            WENT_BACK,
        )
        async with declared.client(create_app(pool, Ends(), None)) as api:
            found = (await api.post("/sagas/steps", json={"ids": ["s-1", "unknown"]})).json()
    steps = {(one["step"], one["outcome"]): one["durations_ms"] for one in found["steps"]}
    assert steps == {
        ("payment", "ok"): [10],
        ("inventory", "refused"): [20],
        ("refund", "ok"): [70],
    }
    assert found["refusals"] == [{"saga_id": "s-1", "step": "inventory", "reason": "no"}]
