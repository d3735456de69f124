"""Gauges that are read from a real Postgres: by step, since when, and gone when they cannot be."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

import orchestrator.__main__
import order.__main__
import payment.__main__
from brewsaga.stack import ensure_databases, migrate
from orchestrator import store
from payment.store import SHAPE
from saga import metrics
from sagakit.shell.gauges import Collector, GaugeSource
from sagakit.shell.metrics import Metrics
from sagakit.shell.participant import ParkedUndos
from sagakit.shell.rows import Backoff, RowTable

DB = Path(__file__).parents[2] / "db"
SERVICES = ["order", "orchestrator", "payment"]
AT = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = metrics.STEP_WORDS
OLDEST = metrics.OLDEST_IN_FLIGHT


@dataclass
class Place:
    """As much of a runtime as the collector asks for."""

    service: str
    pool: asyncpg.Pool
    metrics: Metrics

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"brewsaga_{name}", labels)

    async def collect(self, source: GaugeSource) -> None:
        await Collector(self, [source]).once(source)


@asynccontextmanager
async def place(admin_url: str, service: str) -> AsyncIterator[Place]:
    prefix = f"g{uuid.uuid4().hex[:8]}_"
    urls = ensure_databases(admin_url, prefix, SERVICES)
    migrate(admin_url, prefix, DB, SERVICES)
    pool = await asyncpg.create_pool(urls[service], min_size=1, max_size=2)
    try:
        yield Place(service, pool, Metrics(metrics.of(service)))
    finally:
        pool.terminate()


async def test_open_choreographed_orders_by_step(admin_url: str) -> None:
    async with place(admin_url, "order") as here:
        await here.pool.executemany(
            "INSERT INTO orders (saga_id, mode, customer_id, amount_cents, currency, status,"
            " current_step, say_again_at, created_at, updated_at)"
            " VALUES ($1, $2, 'a', 1, 'EUR', $3, $4, now(), $5, $6)",
            [
                ("a", "choreo", "RUNNING", "AWAITING_SHIPMENT", AT, AT + timedelta(seconds=5)),
                ("b", "choreo", "RUNNING", "AWAITING_SHIPMENT", AT, AT + timedelta(seconds=7)),
                ("c", "choreo", "RUNNING", "COMPENSATING_PAYMENT", AT, AT),
                ("d", "choreo", "SUCCESS", "DONE", AT, AT),
                ("e", "orch", "RUNNING", "AWAITING_PAYMENT", AT, AT),
            ],
        )
        source = order.__main__.InFlight()
        collector = Collector(here, [source])
        await collector.once(source)
        mode = {"mode": "choreography"}
        flying = {word: here.value("sagas_in_flight", **mode, step=word) for word in STEPS}
        assert flying == {"payment": 0, "inventory": 0, "shipment": 2, "release": 0, "refund": 1}
        assert here.value("sagas_in_flight", mode="orchestration", step="payment") is None
        since = here.value(OLDEST, **mode, step="shipment")
        assert since == (AT + timedelta(seconds=5)).timestamp()
        assert here.value(OLDEST, **mode, step="payment") is None

        await here.pool.execute("UPDATE orders SET status = 'SUCCESS', current_step = 'DONE'")
        await collector.once(source)
        assert here.value(OLDEST, **mode, step="shipment") is None
        assert here.value("sagas_in_flight", **mode, step="shipment") == 0


async def test_a_refused_undo_does_not_make_a_saga_younger(admin_url: str) -> None:
    async with place(admin_url, "orchestrator") as here:
        later = AT + timedelta(minutes=4)
        await here.pool.executemany(
            "INSERT INTO saga_state (saga_id, customer_id, amount_cents, currency, current_step,"
            " status, last_event, updated_at, attempts, parked_at)"
            " VALUES ($1, 'a', 1, 'EUR', $2, $3, '', $4, $5, $6)",
            [
                ("a", "COMPENSATING_PAYMENT", "RUNNING", later, 9, later),
                ("b", "AWAITING_SHIPMENT", "RUNNING", later, 0, None),
                ("c", "DONE", "FAILED", AT, 0, None),
            ],
        )
        await here.pool.executemany(
            "INSERT INTO saga_history (saga_id, version, source, target, event, created_at)"
            " VALUES ($1, $2, $3, $4, '', $5)",
            [
                ("a", 1, "", "AWAITING_PAYMENT", AT - timedelta(hours=1)),
                ("a", 2, "AWAITING_INVENTORY", "COMPENSATING_PAYMENT", AT),
                ("a", 3, "COMPENSATING_PAYMENT", "COMPENSATING_PAYMENT", later),
                ("b", 1, "", "AWAITING_PAYMENT", AT),
            ],
        )
        await here.collect(orchestrator.__main__.InFlight())
        mode = {"mode": "orchestration"}
        assert here.value(OLDEST, **mode, step="refund") == AT.timestamp()
        assert here.value(OLDEST, **mode, step="shipment") == later.timestamp()
        assert here.value("sagas_parked", **mode, step="refund") == 1
        assert here.value("sagas_parked", **mode, step="release") == 0
        assert here.value("sagas_in_flight", **mode, step="refund") == 1

        async with here.pool.acquire() as connection:
            sagas, _ = await store.load(connection, ["a", "b"])
            since = await store.entered(connection, sagas.values())
        assert since == {"a": AT, "b": later}


async def test_parked_undos_are_counted_where_they_are_owed(admin_url: str) -> None:
    async with place(admin_url, "payment") as here:
        await here.pool.executemany(
            "INSERT INTO payments (saga_id, mode, outcome, parked, occurred_at)"
            " VALUES ($1, 'choreo', $2, $3, now())",
            [("a", "OWED", True), ("b", "OWED", False), ("c", "UNDONE", False)],
        )
        rows = RowTable(SHAPE, Backoff(1.0, 1.0))
        source = ParkedUndos(rows, payment.__main__.BLUEPRINT.parked)
        collector = Collector(here, [source])
        await collector.once(source)
        labels = {"mode": "choreography", "step": "refund"}
        assert here.value("sagas_parked", **labels) == 1

        await here.pool.close()
        await collector.once(source)
        assert here.value("sagas_parked", **labels) is None
        assert here.value("store_collect_errors_total", service="payment") == 1
