"""The loop against a real Kafka and a real Postgres, with a handler that only echoes."""

import asyncio
import os
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
from confluent_kafka import Consumer, Message, TopicPartition

from integration.loop_world import (
    DEAD,
    DEADLINE_SECONDS,
    OUTBOX,
    SEEN,
    Echo,
    Place,
    counts,
    service,
    until,
)
from sagakit.shell.faults import GARBAGE, Fault, Kind, utc_now
from sagakit.shell.ports import Connection, Handled, Outgoing
from sagakit.shell.run import Parts, Running, ServiceSpec, run_service
from sagakit.shell.settings import KitSettings

DIED = "INSERT INTO workers VALUES (gen_random_uuid(), 'choreo', 'gone', 1, '2000-01-01')"


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
    assert len(set(echo.handled)) == 40  # a rebalance may bring some again


async def test_a_conflict_means_the_same_batch_again(place: Place) -> None:
    echo = Echo()
    await asyncio.to_thread(place.say, b"hello", b"conflict", b"hello")
    async with service(place, Parts(handlers=[echo])) as runtime:
        await until(counts(runtime, SEEN, 3))
    assert echo.conflicts == 1
    assert len(set(echo.handled)) == 3


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


async def a_process_died(place: Place, sql: str, record: Message) -> None:
    connection = await asyncpg.connect(place.url)
    await connection.execute(DIED)
    await connection.execute(sql, record.partition(), record.offset())
    await connection.close()


async def test_a_message_that_kills_the_process_is_put_aside(place: Place) -> None:
    keys = await asyncio.to_thread(place.say, b"deadly", b"hello")
    record = (await asyncio.to_thread(place.heard, "choreo.in", 2))[0]
    await a_process_died(place, "INSERT INTO in_hand VALUES ('choreo.in', $1, $2, 3)", record)
    echo = Echo()
    async with service(place, Parts(handlers=[echo])) as runtime:
        await until(counts(runtime, DEAD, 1))
        await until(counts(runtime, SEEN, 1))
        await until(counts(runtime, "SELECT count(*) FROM in_hand", 0))
        reason = await runtime.pool.fetchval("SELECT reason FROM dead_letters")
        assert await runtime.pool.fetchval("SELECT pid FROM workers") == os.getpid()
    assert reason == "crash_loop"
    assert [key.encode() for key in keys if key not in echo.handled] == [record.key()]


async def test_a_killer_that_was_put_aside_is_passed_over_when_it_comes_again(place: Place) -> None:
    keys = await asyncio.to_thread(place.say, b"deadly", *[b"hello"] * 9)
    aside = (  # at each place, but only at the first with the same content
        'INSERT INTO dead_letters (mode, topic, partition, "offset", size_bytes, sha256, reason,'
        " detail) VALUES ('choreo', 'choreo.in', $1, $2, 6, sha256('deadly'), 'crash_loop', '')"
    )
    for record in await asyncio.to_thread(place.heard, "choreo.in", 10):
        await a_process_died(place, aside, record)
    async with service(place, Parts(handlers=[echo := Echo()])) as runtime:
        await until(counts(runtime, SEEN, 9))
    assert sorted(echo.handled) == sorted(keys[1:])


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
