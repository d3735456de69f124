"""The two numbers that later work is held against: sagas a second when saturated, and latency at
one in flight.

Each mode is measured on a stack of its own folder and ports. A saga has ended when order has
recorded the end: both figures are read from order's table (`created_at` to `ended_at`), never from
a client's clock. Beside them stands the floor: the rows of the same number of completed sagas
written straight into the same Postgres, in batches, in the same run. CPU is that of the
services and of Postgres; Kafka's is said apart.
"""

import asyncio
import json
import os
import platform
import statistics
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import asyncpg
import httpx
import psutil

from brewsaga.errors import CommandError
from brewsaga.floor import floor_sagas_per_second
from brewsaga.machine import tell
from brewsaga.services_runner import Places, services_running
from brewsaga.visit import visit
from saga.contract import DATABASES, Mode

BATCH_ORDERS_MAX: Final = 10_000
WARM_UP_ORDERS: Final = 200
END_SECONDS: Final = 180.0
POLL_SECONDS: Final = 0.25
SETTINGS: Final = {"MODE": "both", "LOG_LEVEL": "WARNING"}
"""Nothing else is changed: what is measured is what `brewsaga up` runs."""


@dataclass(frozen=True, slots=True)
class Saturated:
    """`sagas` placed at once as batches. CPU-seconds are per 1,000 sagas."""

    sagas: int
    sagas_per_second: float
    services_cpu_seconds: float
    postgres_cpu_seconds: float
    kafka_cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Alone:
    """`sagas` placed one after the other, each when the one before has ended. Milliseconds."""

    sagas: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One mode's figures in one repetition."""

    mode: str
    saturated: Saturated
    alone: Alone
    floor_sagas_per_second: float


async def bench(
    urls: Mapping[str, str], places: Mapping[str, Places], servers: "Cpu", sagas: int, alone: int
) -> list[Measured]:
    """Both modes, one after the other, over services that run already."""
    connection = await asyncpg.connect(urls["order"])
    async with httpx.AsyncClient(base_url=places["order"].url, timeout=30.0) as client:
        found = []
        for mode in Mode:
            await _saturate(client, connection, mode, WARM_UP_ORDERS, servers)
            one = await _alone(client, connection, mode, alone)
            many = await _saturate(client, connection, mode, sagas, servers)
            floor = await floor_sagas_per_second(urls, mode, min(sagas, 10_000))
            found.append(Measured(mode.long, many, one, floor))
            tell(json.dumps(asdict(found[-1])))
    await connection.close()
    return found


class Cpu:
    """CPU seconds used so far by the stack's servers and by the services, children included."""

    def __init__(self, postgres: Sequence[int], kafka: Sequence[int]) -> None:
        self._postgres, self._kafka = postgres, kafka
        self._seen: dict[int, float] = {}

    def read(self) -> tuple[float, float, float]:
        """(services, Postgres, Kafka), in seconds since each began."""
        return self._services(), self._of(self._postgres), self._of(self._kafka)

    def _services(self) -> float:
        names = set(DATABASES)
        mine = psutil.Process().children(recursive=False)
        return sum(_seconds(p) for p in mine if p.cmdline()[-1:] and p.cmdline()[-1] in names)

    def _of(self, pids: Sequence[int]) -> float:
        """A Postgres parent counts the children that it has reaped; the live ones are added."""
        total = 0.0
        for pid in pids:
            parent = psutil.Process(pid)
            total += _seconds(parent) + sum(_seconds(p) for p in parent.children(recursive=True))
            times = parent.cpu_times()
            total += times.children_user + times.children_system
        return total


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


async def _saturate(
    client: httpx.AsyncClient, connection: asyncpg.Connection, mode: Mode, sagas: int, cpu: Cpu
) -> Saturated:
    before = cpu.read()
    names = [uuid.uuid4().hex for _ in range(0, sagas, BATCH_ORDERS_MAX)]
    left = sagas
    for name in names:
        orders = min(left, BATCH_ORDERS_MAX)
        left -= orders
        body = {"mode": mode.value, "orders": orders, "customer_id": "bench"}
        (await client.put(f"/batches/{name}", json=body)).raise_for_status()
    await _until_ended(connection, names, sagas)
    after = cpu.read()
    row = await connection.fetchrow(
        "SELECT count(*) FILTER (WHERE outcome = 'completed') AS good,"
        " extract(epoch FROM max(ended_at) - min(created_at))::float8 AS seconds"
        " FROM orders WHERE batch_id = ANY($1)",
        names,
    )
    assert row is not None
    if row["good"] != sagas:
        text = f"only {row['good']} of {sagas} {mode.long} sagas were completed"
        raise CommandError(text, "brewsaga audit")
    services, postgres, kafka = (
        round((b - a) / sagas * 1_000, 3) for a, b in zip(before, after, strict=True)
    )
    return Saturated(sagas, round(sagas / row["seconds"], 1), services, postgres, kafka)


async def _until_ended(connection: asyncpg.Connection, names: Sequence[str], sagas: int) -> None:
    """Ask what costs least: whoever is measured should not pay for it."""
    deadline = time.monotonic() + END_SECONDS
    query = (
        "SELECT NOT EXISTS (SELECT FROM batches WHERE batch_id = ANY($1) AND placed < orders)"
        " AND NOT EXISTS (SELECT FROM orders WHERE batch_id = ANY($1) AND status = 'RUNNING')"
    )
    while not await connection.fetchval(query, names):
        if time.monotonic() > deadline:
            text = f"not all of {sagas} sagas ended within {END_SECONDS:.0f} s"
            raise CommandError(text, "brewsaga doctor")
        await asyncio.sleep(POLL_SECONDS)


async def _alone(
    client: httpx.AsyncClient, connection: asyncpg.Connection, mode: Mode, sagas: int
) -> Alone:
    taken = []
    query = (
        "SELECT extract(epoch FROM ended_at - created_at)::float8 * 1000"
        " FROM orders WHERE saga_id = $1 AND ended_at IS NOT NULL"
    )
    for _ in range(sagas):
        body = {"mode": mode.value, "customer_id": "bench"}
        answer = await client.post("/sagas", json=body)
        answer.raise_for_status()
        saga_id = answer.json()["saga_id"]
        while (milliseconds := await connection.fetchval(query, saga_id)) is None:
            await asyncio.sleep(0.005)
        taken.append(milliseconds)
    cuts = statistics.quantiles(taken, n=100)
    return Alone(sagas, round(cuts[49], 1), round(cuts[98], 1))


def run(sagas: int, alone: int, repetitions: int, result: Path) -> None:
    """Measure `repetitions` times on one stack, print a line a mode and write the result file
    (JSON).
    """
    found: list[Measured] = []
    with visit("bench") as here:
        stack, ready = here.stack, here.backing
        given = {**SETTINGS, "TOPIC_PREFIX": here.topic_prefix}
        cpu = Cpu(
            [server.identity.pid for server in stack.postgres.servers().values()],
            [server.identity.pid for server in stack.kafka.servers().values()],
        )

        async def measure() -> None:
            async with services_running(ready, here.folder / "logs", given) as places:
                for _ in range(repetitions):
                    found.extend(await bench(ready.database_urls, places, cpu, sagas, alone))

        asyncio.run(measure())
        description = stack.describe()
    _report(found)
    machine = {"cores": os.cpu_count(), "processor": platform.processor(), "stack": description}
    result.write_text(
        json.dumps({"machine": machine, "runs": [asdict(one) for one in found]}, indent=2) + "\n"
    )


def _report(found: Sequence[Measured]) -> None:
    for mode in Mode:
        mine = [one for one in found if one.mode == mode.long]
        rates = sorted(one.saturated.sagas_per_second for one in mine)
        floors = [one.floor_sagas_per_second for one in mine]
        ratio = statistics.median(r / f for r, f in zip(rates, sorted(floors), strict=True))
        last = mine[-1].saturated
        print(
            f"{mode.long:13} {statistics.median(rates):7.0f} sagas/s"
            f" ({rates[0]:.0f}..{rates[-1]:.0f}, {ratio:.2f} of the floor)"
            f"  alone p50 {statistics.median(o.alone.p50_ms for o in mine):.1f} ms"
            f" p99 {statistics.median(o.alone.p99_ms for o in mine):.1f} ms"
            f"  CPU-s per 1,000: services {last.services_cpu_seconds:.2f}"
            f" Postgres {last.postgres_cpu_seconds:.2f} Kafka {last.kafka_cpu_seconds:.2f}"
        )
