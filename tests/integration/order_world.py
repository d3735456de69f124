"""Order's parts over a database of their own, with a runtime that only notes what is said."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

import declared
from brewsaga.stack import ensure_databases, migrate
from order import store_follow
from order.api import Doors, create_app
from order.batches import Batches
from order.domain import Heard
from order.due import OpenOrders
from order.handler import Timeline
from order.orchestrator_client import OrchestratorClient
from order.placing import Placing
from order.ports import Limits, utc_now
from order.store_follow import Report
from sagakit.shell.ports import Handled, Message, Outgoing, Record
from worked import work

DEADLINE_SECONDS = 30.0
DB = Path(__file__).parents[2] / "db"
LIMITS = Limits(max_in_flight=50, resay_after_seconds=0.01, resay_max_seconds=0.02)


@dataclass
class Said:
    connection: Any
    outgoing: list[Outgoing]

    def say(self, outgoing: Sequence[Outgoing]) -> None:
        self.outgoing.extend(outgoing)


@dataclass
class World:
    """One test's own database, and the parts of the service over it."""

    pool: asyncpg.Pool
    outgoing: list[Outgoing] = field(default_factory=list)
    orchestrator: dict[str, dict[str, Any]] = field(default_factory=dict)
    orchestrator_is_away: bool = False
    steps: dict[str, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def transaction(self, purpose: str) -> AsyncIterator[Said]:
        async with self.pool.acquire() as connection, connection.transaction():
            said: list[Outgoing] = []
            yield Said(connection, said)
        self.outgoing += said

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.orchestrator_is_away:
            raise httpx.ConnectError("refused")
        if request.method == "GET":
            saga = self.orchestrator.get(request.url.path.rpartition("/")[2])
            return httpx.Response(404) if saga is None else httpx.Response(200, json=saga)
        if request.url.path == "/sagas/steps":
            return httpx.Response(200, json=self.steps)
        return httpx.Response(200, json={"sagas": list(self.orchestrator.values())})

    def client(self) -> OrchestratorClient:
        transport = httpx.MockTransport(self.answer)
        return OrchestratorClient(httpx.AsyncClient(transport=transport, base_url="http://o"))

    def placing(self, limits: Limits = LIMITS) -> Placing:
        return Placing(self, limits, clock=utc_now)

    def batches(self) -> Batches:
        return Batches(self, self.placing(), LIMITS, utc_now)

    def api(self) -> httpx.AsyncClient:
        batches = self.batches()
        app = create_app(Doors(self, self.placing(), batches, self.client(), utc_now), None)
        return declared.client(app)

    async def hear(self, *heards: Heard) -> Handled:
        timeline = Timeline(resay_after_seconds=5.0, utc_now=utc_now)
        messages = [
            Message(Record(f"choreo.{one.event}", 0, offset, None, b"-"), one)
            for offset, one in enumerate(heards)
        ]
        async with self.pool.acquire() as connection, connection.transaction():
            return await work(connection, timeline, messages)

    async def due(self) -> list[Outgoing]:
        async with self.pool.acquire() as connection, connection.transaction():
            return (await OpenOrders(LIMITS).due(connection, 100)).outgoing

    async def row(self, saga_id: str) -> asyncpg.Record:
        return await self.pool.fetchrow("SELECT * FROM orders WHERE saga_id = $1", saga_id)

    async def record(self, report: Report) -> list[store_follow.Ended]:
        async with self.pool.acquire() as connection:
            return await store_follow.record(connection, [report])


@asynccontextmanager
async def fresh_world(admin_url: str) -> AsyncIterator[World]:
    prefix = f"t{uuid.uuid4().hex[:8]}_"
    urls = await asyncio.to_thread(ensure_databases, admin_url, prefix, ["order"])
    await asyncio.to_thread(migrate, admin_url, prefix, DB, ["order"])
    pool = await asyncpg.create_pool(urls["order"], min_size=1, max_size=4)
    try:
        yield World(pool)
    finally:
        await pool.close()


def open_still(saga_id: str, **changes: Any) -> Report:
    given = {"cancel_noted": False, "parked": False, **changes}
    return Report(saga_id, "RUNNING", "AWAITING_SHIPMENT", None, "", **given)


async def until(condition: Any) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.01)
