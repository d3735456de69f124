"""One scenario's world: own databases and topics on the session's stack, our services as children.

Each service can be killed and started again with the same environment. It must not know how a
service decides.
"""

import asyncio
import contextlib
import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from brewsaga.audit import Report, audit
from brewsaga.processes import Child, stop
from brewsaga.services_runner import Backing, Places, choose_places, environment, wait_ready
from brewsaga.stack import (
    Stack,
    StackError,
    ensure_databases,
    ensure_topics,
    forget_topics,
    is_embedded,
    migrate,
)
from brewsaga.stack.ports import free_ports
from saga import contract

DATABASE_FOLDER: Final = Path(__file__).resolve().parents[2] / "db"
FLUSH_SECONDS: Final = 20.0
PRODUCED_BYTES_MAX: Final = 4 * 1024 * 1024
POLL_SECONDS: Final = 0.2
GROUP_SECONDS: Final = 10.0
"""How long a group may take to notice that its members are dead."""
END_SECONDS: Final = 300.0
"""No speed check: how long a saga may stay open before the test says that it hangs."""


def count_from_environment(name: str, default: int) -> int:
    """A size of a test that a longer run raises."""
    return int(os.environ.get(name, default))


async def until(what: str, ask: Any, seconds: float = END_SECONDS) -> Any:
    """Ask until the answer is true, and return it; what cannot be asked now is asked again."""
    deadline = time.monotonic() + seconds
    answer: Any = None
    while True:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            answer = await ask()
            if answer:
                return answer
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        await asyncio.sleep(POLL_SECONDS)


@dataclass(slots=True)
class World:
    """Databases, topics and processes of one scenario."""

    stack: Stack
    prefix: str
    urls: Mapping[str, str]
    logs: Path
    extra: Mapping[str, str]
    databases: str = ""
    """What stands before the name of each database."""
    detours: dict[str, str] = field(default_factory=dict)
    """Addresses that a service is given in the place of its database's own."""
    embedded: bool | None = None
    kafka_detour: str = ""
    """The address that services are given in the place of Kafka's own."""
    places: dict[str, Places] = field(default_factory=lambda: choose_places({}))
    children: dict[str, Child] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        return self.stack.kafka.bootstrap

    # ------------------------------------------------------------ processes

    async def start(self, services: Iterable[str] = contract.DATABASES, **more: str) -> None:
        """Start those services that do not run, and wait until each is ready. `more` settings are
        for these processes alone. Raises CommandError where one ends before it is ready.
        """
        if self.embedded is None:  # asked once: later Kafka may be away
            self.embedded = await asyncio.to_thread(is_embedded, self.bootstrap)
        backing = self._backing()
        fresh: list[Child] = []
        for service in services:
            given = environment(service, backing, self.places, {**self.extra, **more})
            command = [sys.executable, "-m", service]
            child = Child.start(service, command, given, self.logs / f"{service}.log")
            self.children[service] = child
            fresh.append(child)
        await wait_ready(fresh, self.places)

    def _backing(self) -> Backing:
        kafka = self.kafka_detour or self.bootstrap
        return Backing(kafka, {**self.urls, **self.detours}, bool(self.embedded))

    def kill(self, services: Sequence[str]) -> None:
        """Kill -9, all at the same moment, and reap."""
        for service in services:
            self.children[service].process.kill()
        for service in services:
            self.children.pop(service).process.wait()

    async def stop(self, services: Iterable[str]) -> dict[str, int | None]:
        """SIGTERM to all at once, wait until they have ended, and say with what."""
        children = {service: self.children.pop(service) for service in services}
        await stop(list(children.values()))
        return {service: child.ended() for service, child in children.items()}

    async def replace(self, service: str, **settings: str) -> None:
        """SIGTERM to one, wait until it has ended, and start it with these settings of its own."""
        await self.stop([service])
        await self.start([service], **settings)

    @asynccontextmanager
    async def second(self, service: str) -> AsyncIterator[tuple[Child, Places]]:
        """Another process of the service beside the first, killed at the end of the block."""
        places = Places(*free_ports(2))
        given = environment(service, self._backing(), {**self.places, service: places}, self.extra)
        log = self.logs / f"{service}-second.log"
        child = Child.start(f"{service}-second", [sys.executable, "-m", service], given, log)
        try:
            yield child, places
        finally:
            child.process.kill()
            await asyncio.to_thread(child.process.wait)

    async def end(self) -> None:
        await stop(list(self.children.values()))

    # ------------------------------------------------------------ questions

    async def rows(self, service: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Ask one service's database."""
        connection = await asyncpg.connect(self.urls[service], timeout=10)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def by_saga(self, service: str, table: str, saga_ids: Sequence[str]) -> dict[str, Any]:
        """The rows of these sagas."""
        query = f"SELECT * FROM {table} WHERE saga_id = ANY($1::text[])"  # noqa: S608 - own words
        return {row["saga_id"]: row for row in await self.rows(service, query, list(saga_ids))}

    async def ends(self, mode: str, saga_ids: Sequence[str], *, by_order: bool) -> dict[str, str]:
        """Wait until each has ended, and say how: as order knows it, or the orchestrator."""
        service, table = ("order", "orders") if by_order else ("orchestrator", "saga_state")

        async def ended() -> dict[str, str] | None:
            found = await self.by_saga(service, table, saga_ids)
            done = {s: r["status"] for s, r in found.items() if r["status"] != "RUNNING"}
            return done if len(done) == len(saga_ids) else None

        answer: dict[str, str] = await until(f"{len(saga_ids)} {mode} sagas ended", ended)
        return answer

    async def open_steps(self) -> Counter[str]:
        """How many are open in each step; orchestrated ones as the orchestrator sees it."""
        query = "SELECT current_step AS step FROM {} WHERE status = 'RUNNING' {}"
        choreo = await self.rows("order", query.format("orders", "AND mode = 'choreo'"))
        orch = await self.rows("orchestrator", query.format("saga_state", ""))
        return Counter(row["step"] for row in [*choreo, *orch])

    async def outboxes_empty(self) -> bool:
        """Whether Kafka has acknowledged all that was to be said."""
        for service in contract.DATABASES:
            query = "SELECT 1 FROM outbox WHERE acknowledged_at IS NULL LIMIT 1"
            if await self.rows(service, query):
                return False
        return True

    async def place(self, orders: Sequence[Mapping[str, Any]]) -> list[str]:
        """Place orders through our order service's API; their saga ids."""
        url = self.places["order"].url + "/sagas"
        async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
            saga_ids = []
            for order in orders:
                key = {"Idempotency-Key": uuid.uuid4().hex}
                answer = await client.post(url, json=dict(order), headers=key)
                assert answer.is_success, answer.text
                saga_ids.append(answer.json()["saga_id"])
        return saga_ids

    def produce(self, records: Sequence[tuple[str, int, bytes | None, bytes | None]]) -> None:
        """Records (topic, partition, key, value) as somebody else would send them, compressed."""
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "message.max.bytes": PRODUCED_BYTES_MAX,
                "enable.metrics.push": False,
                "log_level": 0,
            }
        )
        lost: list[str] = []
        for topic, partition, key, value in records:
            producer.produce(
                self.prefix + topic,
                value,
                key,
                partition,
                on_delivery=lambda error, record: (
                    lost.append(f"{record.topic()}: {error}") if error else None
                ),
            )
        assert producer.flush(FLUSH_SECONDS) == 0
        assert not lost, lost

    async def dead_letters(self) -> list[tuple[str, Any]]:
        """Every dead letter of every service, with the service's name."""
        found: list[tuple[str, Any]] = []
        for service in contract.DATABASES:
            rows = await self.rows(service, "SELECT * FROM dead_letters")
            found += [(service, row) for row in rows]
        return found

    async def audit(self, *, topics: bool = True) -> Report:
        """The verdict on everything that this scenario stored and said."""
        return await audit(self.urls, self.bootstrap if topics else None, self.prefix)

    # ------------------------------------------------------------ the broker

    async def wipe_topics(self) -> None:
        """Delete every topic, wait until none is left, and create all of them empty."""
        names = contract.all_topics(self.prefix)
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for answer in admin.delete_topics(names, operation_timeout=30).values():
            await asyncio.to_thread(answer.result)

        async def gone() -> bool:
            known = await asyncio.to_thread(admin.list_topics, timeout=10)
            return not set(names) & set(known.topics)

        await until("every topic is deleted", gone, 60)
        await self.make_topics()

    async def make_topics(self) -> None:
        """Every topic that is not there, empty."""
        names = contract.all_topics(self.prefix)
        await asyncio.to_thread(ensure_topics, self.bootstrap, names, contract.PARTITIONS)

    async def forget_groups(self, groups: Sequence[str]) -> bool:
        """Delete consumer groups once their members are gone; False where somebody stays."""
        deadline = time.monotonic() + GROUP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(StackError):
                await asyncio.to_thread(forget_topics, self.bootstrap, (), groups)
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False


@asynccontextmanager
async def world(
    stack: Stack,
    logs: Path,
    *,
    services: Iterable[str] = contract.DATABASES,
    prefix: str | None = None,
    **extra: str,
) -> AsyncIterator[World]:
    """A fresh world in which these services of ours run until the end of the block.

    Its topics go with it: with thousands of partitions Kafka takes long to start and to be removed.
    """
    drawn = uuid.uuid4().hex[:8]
    prefix = prefix or f"e2e-{drawn}-"
    admin, databases = stack.postgres.admin_url, f"e2e_{drawn}_"
    urls = await asyncio.to_thread(ensure_databases, admin, databases, contract.DATABASES)
    await asyncio.to_thread(migrate, admin, databases, DATABASE_FOLDER, contract.DATABASES)
    topics = contract.all_topics(prefix)
    await asyncio.to_thread(ensure_topics, stack.kafka.bootstrap, topics, contract.PARTITIONS)
    given = {"TOPIC_PREFIX": prefix, "LOG_FORMAT": "text", "MODE": "both", **extra}
    here = World(stack, prefix, urls, logs, given, databases)
    try:
        await here.start(services)
        yield here
    finally:
        await here.end()
        with contextlib.suppress(StackError):  # Kafka may be away where a test has failed
            await asyncio.to_thread(forget_topics, stack.kafka.bootstrap, topics, ())
