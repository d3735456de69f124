"""What is old enough goes, whole, in bites; what is young, open or of an unfinished batch stays."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from brewsaga.stack import ensure_databases, migrate
from integration.order_world import DB, World
from orchestrator.store_retention import LATER_SECONDS, EndedSagas
from order.store_retention import EndedOrders
from sagakit.shell.pruning import DeadLetters, Prunable
from sagakit.shell.settings import KitSettings, Misconfigured, read

DAY = 86_400.0
OLD, YOUNG = 40 * DAY, 10 * DAY
AGE = 30 * DAY

ORDER = """
INSERT INTO orders (saga_id, mode, customer_id, amount_cents, currency, status, outcome,
  current_step, say_again_at, batch_id, created_at, ended_at)
VALUES ($1, $2, 'alice', 300, 'EUR', $3, CASE $3 WHEN 'SUCCESS' THEN 'completed'
  WHEN 'FAILED' THEN 'compensated' END, 'DONE', now(), $4, now() - make_interval(secs => $5),
  CASE WHEN $3 <> 'RUNNING' THEN now() - make_interval(secs => $5) END)
"""
BATCH = """
INSERT INTO batches (batch_id, request_hash, mode, orders, terms, placed, created_at)
VALUES ($1, '', 'choreo', $2, '{}', $2, now() - make_interval(secs => $3))
"""
STATE = """
INSERT INTO saga_state (saga_id, customer_id, amount_cents, currency, current_step, status,
  last_event, created_at, updated_at)
VALUES ($1, 'alice', 300, 'EUR', 'DONE', $2, '', now() - make_interval(secs => $3),
  now() - make_interval(secs => $3))
"""
LETTER = """
INSERT INTO dead_letters (mode, topic, partition, "offset", size_bytes, sha256, reason, detail,
  heard_at) VALUES ('choreo', 't', 0, $1, 0, '', 'empty', '', now() - make_interval(secs => $2))
"""


async def prune(pool: asyncpg.Pool, prunable: Prunable, limit: int = 100) -> int:
    async with pool.acquire() as connection, connection.transaction():
        return await prunable.prune(connection, AGE, limit)


async def left(pool: asyncpg.Pool, table: str) -> set[str]:
    query = f"SELECT saga_id FROM {table}"  # noqa: S608 - own words
    return {row[0] for row in await pool.fetch(query)}


async def test_old_ended_orders_go_with_their_timelines(world: World) -> None:
    for mode in ("choreo", "orch"):
        for status, seconds in (("SUCCESS", OLD), ("FAILED", OLD), ("RUNNING", OLD)):
            await world.pool.execute(ORDER, f"{mode}-{status}-old", mode, status, None, seconds)
        await world.pool.execute(ORDER, f"{mode}-young", mode, "SUCCESS", None, YOUNG)
    for saga_id in await left(world.pool, "orders"):
        query = "INSERT INTO order_events (saga_id, event) VALUES ($1, 'order-requested')"
        await world.pool.execute(query, saga_id)
    assert await prune(world.pool, EndedOrders()) == 4
    kept = {"choreo-RUNNING-old", "orch-RUNNING-old", "choreo-young", "orch-young"}
    assert await left(world.pool, "orders") == kept
    assert await left(world.pool, "order_events") == kept
    row = await world.pool.fetchrow("SELECT * FROM pruned_orders")
    assert tuple(row) == ("EUR", 2, 1, 300), "the choreographed ones; of the others is told"
    assert await prune(world.pool, EndedOrders()) == 0


async def test_a_table_is_pruned_in_bites_and_what_was_sold_adds_up(world: World) -> None:
    for number in range(7):
        await world.pool.execute(ORDER, f"s{number}", "choreo", "SUCCESS", None, OLD)
    assert [await prune(world.pool, EndedOrders(), 3) for _ in range(4)] == [3, 3, 1, 0]
    assert tuple(await world.pool.fetchrow("SELECT * FROM pruned_orders")) == ("EUR", 7, 7, 2_100)


async def test_a_batch_goes_as_a_whole_or_not_at_all(world: World) -> None:
    for batch, last in (("done", OLD), ("late", YOUNG)):
        await world.pool.execute(BATCH, batch, 2, OLD)
        await world.pool.execute(ORDER, f"{batch}-1", "choreo", "SUCCESS", batch, OLD)
        await world.pool.execute(ORDER, f"{batch}-2", "choreo", "SUCCESS", batch, last)
    await world.pool.execute(BATCH, "open", 1, OLD)
    await world.pool.execute(ORDER, "open-1", "choreo", "RUNNING", "open", OLD)
    assert await prune(world.pool, EndedOrders()) == 3
    assert await prune(world.pool, EndedOrders()) == 0
    assert await left(world.pool, "orders") == {"late-1", "late-2", "open-1"}
    batches = await world.pool.fetch("SELECT batch_id FROM batches ORDER BY 1")
    assert [row[0] for row in batches] == ["late", "open"]


@asynccontextmanager
async def orchestrators_rows(admin_url: str) -> AsyncIterator[asyncpg.Pool]:
    prefix = f"t{uuid.uuid4().hex[:8]}_"
    urls = await asyncio.to_thread(ensure_databases, admin_url, prefix, ["orchestrator"])
    await asyncio.to_thread(migrate, admin_url, prefix, DB, ["orchestrator"])
    async with asyncpg.create_pool(urls["orchestrator"], min_size=1, max_size=2) as pool:
        yield pool


async def test_the_orchestrator_keeps_a_saga_a_day_longer(admin_url: str) -> None:
    async with orchestrators_rows(admin_url) as pool:
        ages = {"older": AGE + LATER_SECONDS + 60, "old": AGE + 60, "young": YOUNG}
        for saga_id, seconds in ages.items():
            await pool.execute(STATE, saga_id, "SUCCESS", seconds)
            query = "INSERT INTO saga_history VALUES ($1, 1, '', 'AWAITING_PAYMENT', '', '')"
            await pool.execute(query, saga_id)
        await pool.execute(STATE, "open", "RUNNING", OLD)
        assert await prune(pool, EndedSagas()) == 1
        assert await left(pool, "saga_state") == {"old", "young", "open"}
        assert await left(pool, "saga_history") == {"old", "young"}
        assert tuple(await pool.fetchrow("SELECT * FROM pruned_sagas")) == ("EUR", 1, 1, 300)
        assert await prune(pool, EndedSagas()) == 0


async def test_old_dead_letters_go(world: World) -> None:
    for offset, seconds in enumerate((OLD, OLD, OLD, YOUNG)):
        await world.pool.execute(LETTER, offset, seconds)
    assert [await prune(world.pool, DeadLetters(), 2) for _ in range(3)] == [2, 1, 0]
    assert await world.pool.fetchval('SELECT array_agg("offset") FROM dead_letters') == [3]


@pytest.mark.parametrize("days", ["7", "-1", "nan"])
def test_nothing_goes_while_topics_may_replay_it(
    days: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_DAYS", days)
    with pytest.raises(Misconfigured, match=r"RETENTION_DAYS: .*0 \(keep all\) or at least 8"):
        read(KitSettings)


@pytest.mark.parametrize("days", ["0", "8", "30"])
def test_all_may_be_kept(days: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_DAYS", days)
    assert read(KitSettings).retention_days == float(days)
