"""A service on a real Kafka and a real Postgres whose one handler only echoes.

What the payload says is what the handler does: `poison` cannot be read, `fault` raises, `conflict`
raises Conflict once, `later` is answered after half a second, anything else is echoed.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from sagakit.core.deadletters import Poison, Reason
from sagakit.shell import ports
from sagakit.shell.ports import Conflict, Connection, Handled, Outgoing, Record
from sagakit.shell.run import Parts, Running, ServiceSpec, run_service
from sagakit.shell.runtime import Runtime
from sagakit.shell.settings import KitSettings

DEADLINE_SECONDS = 60.0
DB = Path(__file__).parents[2] / "db"


@dataclass
class Place:
    """One test's own database, prefix and topics."""

    bootstrap: str
    url: str
    prefix: str

    def settings(self, **given: Any) -> KitSettings:
        return KitSettings(
            **given,
            kafka_bootstrap_servers=self.bootstrap,
            database_url=self.url,
            topic_prefix=self.prefix,
        )

    def say(self, *values: bytes | None, topic: str = "choreo.in") -> list[str]:
        """Put records on the handler's topic, as a foreign program does; returns their keys."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random"})
        keys = [str(uuid.uuid4()) for _ in values]
        for key, value in zip(keys, values, strict=True):
            producer.produce(self.prefix + topic, value, key)
        assert producer.flush(DEADLINE_SECONDS) == 0
        return keys

    def heard(self, topic: str, count: int) -> list[Message]:
        """The first `count` records of a topic."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": str(uuid.uuid4())})
        consumer.assign([TopicPartition(self.prefix + topic, number, 0) for number in range(3)])
        found: list[Message] = []
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(found) < count and time.monotonic() < deadline:
            found += [one for one in consumer.consume(count, 0.2) if one.error() is None]
        consumer.close()
        return found


@dataclass
class Echo:
    """Says what it hears."""

    service: str = "echo"
    mode: str = "choreo"
    topics: Sequence[str] = ("choreo.in",)
    handled: list[str] = field(default_factory=list)
    conflicts: int = 0
    hold: asyncio.Event | None = None
    holding: asyncio.Event = field(default_factory=asyncio.Event)

    def decode(self, record: Record) -> bytes:
        if record.value == b"poison":
            raise Poison(Reason.UNDECODABLE, "it says poison\x00")
        return record.value or b""

    async def handle(
        self, connection: Connection, messages: Sequence[ports.Message[bytes]]
    ) -> Handled:
        handled = Handled()
        for message in messages:
            key = (message.record.key or b"").decode()
            handled.writes.append(ports.Write(SEE, [key]))
            if message.body == b"fault":
                raise ValueError("it says fault")
            if message.body == b"conflict" and not self.conflicts:
                self.conflicts += 1
                raise Conflict
            later = datetime.now(UTC) + timedelta(seconds=0.5) if message.body == b"later" else None
            cause = message.record.message_id or None
            said = Outgoing("choreo.out", key, "Echo", message.body, cause, later)
            handled.outgoing.append(said)
            handled.after_commit.append(key)
        if self.hold is not None:
            self.holding.set()
            await self.hold.wait()
        return handled

    async def committed(self, connection: Connection, handled: Handled) -> None:
        self.handled += handled.after_commit


@asynccontextmanager
async def fresh_place(servers: tuple[str, str]) -> AsyncIterator[Place]:
    """Topics and a database of their own on these servers (bootstrap, admin URL)."""
    bootstrap, admin_url = servers
    name = f"loop_{uuid.uuid4().hex[:8]}"
    prefix = f"{name}-"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [NewTopic(prefix + one, 3) for one in ("choreo.in", "choreo.out", "dlq.echo-choreo")]
    for future in admin.create_topics(topics).values():
        future.result(DEADLINE_SECONDS)
    connection = await asyncpg.connect(admin_url)
    user = await connection.fetchval("SELECT quote_ident(current_user)")
    await connection.execute(f"CREATE DATABASE {name}")
    url = admin_url.rpartition("/")[0] + f"/{name}"
    inside = await asyncpg.connect(url)
    for schema in sorted((DB / "every").glob("*.sql")):
        await inside.execute(schema.read_text().replace(":service_role", user))
    await inside.execute("CREATE TABLE seen (key text PRIMARY KEY)")
    await inside.close()
    yield Place(bootstrap, url, prefix)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@asynccontextmanager
async def service(place: Place, parts: Parts, **settings: Any) -> AsyncIterator[Runtime]:
    """A service that runs for the length of a block and is stopped in order."""
    stop, up = asyncio.Event(), asyncio.Event()
    seen: list[Running] = []

    def started(found: Running) -> None:
        seen.append(found)
        up.set()

    def build(_runtime: Runtime) -> Parts:
        return parts

    spec = ServiceSpec("echo", place.settings(**settings), build)
    task = asyncio.create_task(run_service(spec, stop, started))
    waiting = asyncio.create_task(up.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield seen[0].runtime
    finally:
        stop.set()
        await task


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await holds():
            await asyncio.sleep(0.02)


def counts(runtime: Runtime, sql: str, wanted: int) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return bool(await runtime.pool.fetchval(sql) == wanted)

    return holds


SEE = "INSERT INTO seen VALUES ($1) ON CONFLICT DO NOTHING"
SEEN = "SELECT count(*) FROM seen"
OUTBOX = "SELECT count(*) FROM outbox"
DEAD = "SELECT count(*) FROM dead_letters"
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
