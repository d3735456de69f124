"""One service on a real Postgres without Kafka: its parts, its API, and what it would say.

It must not know what a verb does.
"""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import SecretStr

import declared
from brewsaga.stack import ensure_databases, migrate
from sagakit.shell.database import create_pool
from sagakit.shell.faults import Switchboard
from sagakit.shell.metrics import Metrics
from sagakit.shell.ports import Message, Record
from sagakit.shell.run import Parts, ServiceSpec
from sagakit.shell.runtime import Runtime
from sagakit.shell.writes import write
from worked import work

DB: Final = Path(__file__).parents[2] / "db"
PERSON: Final = {"who": "ada", "why": "the bank is back"}


class Said:
    """A publisher that only remembers."""

    healthy = True

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def publish(self, rows: Sequence[Any]) -> None:
        self.rows += rows


@dataclass
class Service:
    """One service without Kafka: its parts, its API and its database."""

    runtime: Runtime
    parts: Parts
    client: httpx.AsyncClient
    said: Said = field(default_factory=Said)

    async def hear(self, topic: str, *messages: Any) -> None:
        handler = next(one for one in self.parts.handlers if one.mode == topic.partition(".")[0])
        for message in messages:
            record = Record(topic, 0, 0, b"", message.SerializeToString())
            async with self.runtime.pool.acquire() as connection:
                await work(connection, handler, [Message(record, handler.decode(record))])

    async def due(self) -> None:
        """Everything that is due now is tried or said, once."""
        async with self.runtime.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_sleep(0.005)")
        for due in self.parts.dues:
            async with self.runtime.pool.acquire() as connection, connection.transaction():
                handled = await due.due(connection, 100)
                await write(connection, handled.writes)
                self.said.rows += handled.outgoing

    async def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        async with self.runtime.pool.acquire() as connection:
            return [tuple(row) for row in await connection.fetch(query, *values)]

    async def repair(self, verb: str, **asked: Any) -> dict[str, Any]:
        answer = await self.client.post("/repairs", json={"verb": verb, **PERSON, **asked})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def trail(self, **query: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = (await self.client.get("/repairs", params=query)).json()[
            "repairs"
        ]
        return told


@asynccontextmanager
async def service(
    admin_url: str, spec: ServiceSpec, token: SecretStr | None = None
) -> AsyncIterator[Service]:
    prefix = f"r{uuid.uuid4().hex[:8]}_"
    urls = ensure_databases(admin_url, prefix, [spec.service])
    migrate(admin_url, prefix, DB, [spec.service])
    pool, said = await create_pool(urls[spec.service]), Said()
    runtime = Runtime(spec.service, spec.settings, pool, said, Metrics(spec.metrics), Switchboard())
    parts = spec.build(runtime)
    async with declared.client(parts.app(token)) as client:
        yield Service(runtime, parts, client, said)
    pool.terminate()
