"""The loop against a real Kafka and a real Postgres, with a handler that only echoes.

What the payload says is what the handler does: `poison` cannot be read, `fault` raises, `conflict`
raises Conflict once, `later` is answered after half a second, anything else is echoed.
"""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from brewsaga.stack import StackConfig, running
from sagakit.core.deadletters import Poison, Reason
from sagakit.shell import ports
from sagakit.shell.faults import GARBAGE, Fault, Kind, utc_now
from sagakit.shell.loop import ATTEMPTS_MAX
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


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, str]]:
    with running(StackConfig.from_environment()) as stack:
        yield stack.kafka.bootstrap, stack.postgres.admin_url


@pytest.fixture
async def place(servers: tuple[str, str]) -> AsyncIterator[Place]:
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
    schema = (DB / "every" / "001_outbox.sql").read_text(encoding="utf-8")
    await inside.execute(schema.replace(":service_role", user))
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


async def test_answers_and_leaves_nothing_behind(place: Place) -> None:
    echo = Echo()
    keys = await asyncio.to_thread(place.say, *[b"hello"] * 1_200)
    async with service(place, Parts(handlers=[echo])) as runtime:
        await until(counts(runtime, SEEN, 1_200))
        await until(counts(runtime, OUTBOX, 0))
        answers = await asyncio.to_thread(place.heard, "choreo.out", 1_200)
        assert await runtime.pool.fetchval("SELECT count(*) FROM workers") == 2
    assert sorted(echo.handled) == sorted(keys)
    assert sorted((one.key() or b"").decode() for one in answers) == sorted(keys)
    headers = dict(answers[0].headers() or [])
    key = answers[0].key() or b""
    assert headers["ce_sagaid"] == headers["ce_correlationid"] == key
    assert headers["ce_type"] == b"Echo"
    trace = key.decode().replace("-", "")
    assert trace in str(headers["traceparent"])
    connection = await asyncpg.connect(place.url)
    assert await connection.fetchval("SELECT count(*) FROM workers") == 0
    await connection.close()
    group = {"bootstrap.servers": place.bootstrap, "group.id": f"{place.prefix}echo-choreo"}
    consumer = Consumer(group)
    partitions = [TopicPartition(f"{place.prefix}choreo.in", number) for number in range(3)]
    stored = await asyncio.to_thread(consumer.committed, partitions, timeout=10)
    assert sum(one.offset for one in stored) == 1_200
    consumer.close()


async def test_what_cannot_be_handled_is_put_aside_and_the_rest_goes_on(place: Place) -> None:
    echo = Echo()
    values = [b"hello"] * 20 + [b"poison", None, b"", b"x" * 70_000, b"fault"] + [b"hello"] * 20
    await asyncio.to_thread(place.say, *values)
    async with service(place, Parts(handlers=[echo])) as runtime:
        await until(counts(runtime, DEAD, 5))
        await until(counts(runtime, SEEN, 40))
        await until(counts(runtime, OUTBOX, 0))
        rows = await runtime.pool.fetch("SELECT reason, size_bytes, payload FROM dead_letters")
        mirrored = await asyncio.to_thread(place.heard, "dlq.echo-choreo", 5)
    found = {row["reason"]: row for row in rows}
    assert set(found) == {"undecodable", "null_value", "empty", "oversized", "handler_error"}
    assert found["oversized"]["size_bytes"] == 70_000
    assert len(found["oversized"]["payload"]) == 65_536
    assert len(mirrored) == 5
    assert len(echo.handled) == 40


async def test_a_conflict_means_the_same_batch_again(place: Place) -> None:
    echo = Echo()
    await asyncio.to_thread(place.say, b"hello", b"conflict", b"hello")
    async with service(place, Parts(handlers=[echo])) as runtime:
        await until(counts(runtime, SEEN, 3))
    assert echo.conflicts == 1
    assert len(echo.handled) == 3


async def test_a_lost_connection_means_the_same_batch_again(place: Place) -> None:
    echo = Echo(hold=asyncio.Event())
    await asyncio.to_thread(place.say, *[b"hello"] * 50)
    async with service(place, Parts(handlers=[echo])) as runtime:
        await echo.holding.wait()
        await runtime.pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert echo.hold is not None
        echo.hold.set()
        await until(counts(runtime, SEEN, 50))
        assert await runtime.pool.fetchval(DEAD) == 0
    assert len(echo.handled) == 50


LOCKS_TWO = """
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''10ms''', current_database());
END $$;
CREATE TABLE pair AS SELECT generate_series(1, 2) AS id;
CREATE FUNCTION lock_both() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM FROM pair WHERE id = 1 FOR UPDATE;
  LOOP
    PERFORM FROM pair WHERE id = 2 FOR UPDATE SKIP LOCKED;
    EXIT WHEN FOUND OR EXISTS (SELECT FROM pg_locks WHERE NOT granted);
    PERFORM pg_sleep(0.01);
  END LOOP;
  PERFORM FROM pair WHERE id = 2 FOR UPDATE;
  RETURN NULL;
END $$;
CREATE TRIGGER lock_both AFTER INSERT ON seen EXECUTE FUNCTION lock_both();
"""
"""Who writes locks the first, and the second only once the other one waits for the first."""
LOCK = "SELECT id FROM pair WHERE id = $1 FOR UPDATE"
IS_FREE = "SELECT count(*) FROM (SELECT FROM pair WHERE id = 1 FOR UPDATE SKIP LOCKED) free"


TRIES = 2 * ATTEMPTS_MAX
"""So often two messages are tried until one of them is put aside, where no error passes."""


async def test_a_deadlock_means_the_same_batch_again(place: Place) -> None:
    echo, other = Echo(), await asyncpg.connect(place.url)
    await other.execute(LOCKS_TWO)
    await other.execute("SET deadlock_timeout = '1h'")  # it is not the one to give way
    keys = await asyncio.to_thread(place.say, b"hello", b"hello")
    async with service(place, Parts(handlers=[echo]), consumers_per_mode=1) as runtime:
        async with other.transaction():
            await other.fetch(LOCK, 2)
            for _ in range(TRIES):
                await until(counts(runtime, IS_FREE, 0))
                inner = other.transaction()
                await inner.start()
                await other.fetch(LOCK, 1)
                await inner.rollback()
        await until(counts(runtime, SEEN, 2))
        await until(counts(runtime, OUTBOX, 0))
        await until(counts(runtime, DEADLOCKS, TRIES))
        assert await runtime.pool.fetchval(DEAD) == 0
    await other.close()
    assert sorted(echo.handled) == sorted(keys)


IS_FULL = """
CREATE SEQUENCE refused;
CREATE TABLE disk AS SELECT true AS is_full;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT is_full FROM disk) THEN
    PERFORM nextval('refused');
    RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON outbox EXECUTE FUNCTION refuse();
"""


async def test_a_full_disk_is_waited_for_and_puts_nothing_aside(place: Place) -> None:
    echo, admin = Echo(), await asyncpg.connect(place.url)
    await admin.execute(IS_FULL)
    keys = await asyncio.to_thread(place.say, b"hello", b"hello")
    refused = f"SELECT (last_value > {TRIES})::int FROM refused"  # noqa: S608 - own words
    async with service(place, Parts(handlers=[echo]), consumers_per_mode=1) as runtime:
        await until(counts(runtime, refused, 1))
        assert echo.handled == []
        assert await runtime.pool.fetchval(SEEN) == await runtime.pool.fetchval(DEAD) == 0
        await admin.execute("UPDATE disk SET is_full = false")
        await until(counts(runtime, SEEN, 2))
        assert await runtime.pool.fetchval(DEAD) == 0
    await admin.close()
    assert sorted(echo.handled) == sorted(keys)


async def test_what_a_dead_process_left_is_swept(place: Place) -> None:
    connection = await asyncpg.connect(place.url)
    await connection.execute(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, publish_at)"
        " SELECT gen_random_uuid(), $1, n::text, 'Echo', 'left', now() - interval '1 minute'"
        "   FROM generate_series(1, 700) n",
        f"{place.prefix}choreo.out",
    )
    await connection.close()
    async with service(place, Parts()) as runtime:
        await until(counts(runtime, OUTBOX, 0))
    assert len(await asyncio.to_thread(place.heard, "choreo.out", 700)) == 700


async def test_a_delayed_answer_waits_for_its_time(place: Place) -> None:
    await asyncio.to_thread(place.say, b"later")
    async with service(place, Parts(handlers=[Echo()])) as runtime:
        await until(counts(runtime, SEEN, 1))
        answered = (await asyncio.to_thread(place.heard, "choreo.out", 1))[0]
        await until(counts(runtime, OUTBOX, 0))
    asked = (await asyncio.to_thread(place.heard, "choreo.in", 1))[0]
    assert answered.timestamp()[1] - asked.timestamp()[1] >= 500


async def test_a_message_that_kills_the_process_is_put_aside(place: Place) -> None:
    keys = await asyncio.to_thread(place.say, b"deadly", b"hello")
    record = (await asyncio.to_thread(place.heard, "choreo.in", 2))[0]
    connection = await asyncpg.connect(place.url)
    await connection.execute(
        "INSERT INTO workers (worker_id, mode, host, pid) VALUES ($1, 'choreo', 'gone', 1)",
        uuid.uuid4(),
    )
    await connection.execute("UPDATE workers SET seen_at = now() - interval '1 minute'")
    await connection.execute(
        "INSERT INTO in_hand VALUES ('choreo.in', $1, $2, 3)", record.partition(), record.offset()
    )
    await connection.close()
    echo = Echo()
    async with service(place, Parts(handlers=[echo])) as runtime:
        await until(counts(runtime, DEAD, 1))
        await until(counts(runtime, SEEN, 1))
        await until(counts(runtime, "SELECT count(*) FROM in_hand", 0))
        reason = await runtime.pool.fetchval("SELECT reason FROM dead_letters")
        assert await runtime.pool.fetchval("SELECT pid FROM workers") == os.getpid()
    assert reason == "crash_loop"
    assert [key.encode() for key in keys if key not in echo.handled] == [record.key()]


@dataclass
class Reminder:
    """Says one thing each time it is asked."""

    name: str = "reminder"
    asked: int = 0
    limit: int = 0

    async def due(self, connection: Connection, limit: int) -> Handled:
        self.asked, self.limit = self.asked + 1, limit
        await connection.execute("SELECT 1")
        return Handled(outgoing=[Outgoing("choreo.out", "k", "Again", b"again")])

    async def reset(self, connection: Connection) -> None:
        await connection.execute("SELECT 1")


async def test_what_is_due_is_said_again_within_its_cap(place: Place) -> None:
    reminder = Reminder()
    async with service(place, Parts(dues=[reminder])):
        assert len(await asyncio.to_thread(place.heard, "choreo.out", 2)) == 2
    assert reminder.limit == KitSettings().resay_rate_per_second  # it is asked once a second


async def test_health_and_metrics(place: Place) -> None:
    stop, up = asyncio.Event(), asyncio.Event()
    seen: list[Running] = []

    def started(found: Running) -> None:
        seen.append(found)
        up.set()

    spec = ServiceSpec("echo", place.settings(), lambda _runtime: Parts(handlers=[Echo()]))
    task = asyncio.create_task(run_service(spec, stop, started))
    await asyncio.wait_for(up.wait(), DEADLINE_SECONDS)
    assert seen[0].health is not None
    port = seen[0].health.port

    async def get(path: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return answer

    async def ready() -> bool:
        return "200 OK" in await get("/startupz")

    await until(ready)
    assert "200 OK" in await get("/readyz")
    assert "200 OK" in await get("/livez")
    assert "404" in await get("/nothing")
    await asyncio.to_thread(place.say, b"hello")

    async def counted() -> bool:
        wanted = (
            'brewsaga_messages_processed_total{outcome="ok",service="echo",topic="choreo.in"} 1.0'
        )
        return wanted in await get("/metrics")

    await until(counted)
    stop.set()
    await task


async def test_a_pause_takes_in_nothing_and_what_is_said_twice_or_beside_garbage_is_there(
    place: Place,
) -> None:
    echo, later = Echo(), utc_now() + timedelta(seconds=DEADLINE_SECONDS)
    async with service(place, Parts(handlers=[echo])) as runtime:
        board = runtime.switchboard
        board.put("stop", Fault(Kind.PAUSE, later))
        board.put("twice", Fault(Kind.DUPLICATE, later))
        board.put("bad", Fault(Kind.POISON, later))
        await asyncio.to_thread(place.say, b"hello")
        await asyncio.sleep(1.0)  # that nothing comes has no event
        assert echo.handled == []
        board.drop("stop")
        await until(counts(runtime, SEEN, 1))
        said = await asyncio.to_thread(place.heard, "choreo.out", 3)
        await until(counts(runtime, OUTBOX, 0))
    assert [one.value() for one in said] == [GARBAGE, b"hello", b"hello"]
    assert [bool(one.headers()) for one in said] == [False, True, True]
