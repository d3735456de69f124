"""One slice of the long proof: orders in both modes under faults that never pause, then the end.

A slice is a seed, a length and a stack. Its faults stop, everything is healed, every order must
come to its end, and the audit judges all of it; the rows that it adds say what really happened.
"""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

import proof
from brewsaga.audit import Report
from brewsaga.stack import Stack
from brewsaga.stack.kafka import RealKafka
from e2e.faults import drives
from e2e.faults.proxy import Proxy, Way, before_database
from e2e.faults.siege import SERVICES, Siege
from e2e.records import settled
from e2e.world import World, until, world
from saga.contract import Mode

KIND: Final = "real faults"
SETTINGS: Final = {
    "RESAY_AFTER_SECONDS": "4",
    "RESAY_MAX_SECONDS": "15",
    "RESAY_RATE_PER_SECOND": "500",
    "PARK_AFTER_ATTEMPTS": "1000",
    "LOG_LEVEL": "WARNING",
}
"""Little patience, and nobody to ask: an undo that is refused is tried until it is done."""

BATCH_ORDERS: Final = 250
OPEN_MAX: Final = 3_000
"""More are not placed while so many are open: what is proved is that they end, not how fast."""

LOOK_SECONDS: Final = 0.3
FAULTS: Final = (
    "",
    "",
    "payment=10",
    "inventory=20;refund=30",
    "shipment=30;refund=30;release=30",
    "shipment=100,delay:1s",
)
MAX_POLL_SECONDS: Final = 62.0
"""Longer than a consumer may go without polling (`max.poll.interval.ms`)."""

END_SECONDS_MAX: Final = 60.0
"""After the last heal, of every order."""

HANG_SECONDS: Final = 240.0


@dataclass(frozen=True, slots=True)
class Slice:
    """How long faults last, drawn by which seed, and how often Kafka loses everything meanwhile."""

    seconds: float
    seed: int
    wipes: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a slice came to. `late_seconds`: of each order that ended after the last heal."""

    done: dict[str, int]
    orders: dict[Mode, int]
    late_seconds: tuple[float, ...]
    died_by_themselves: tuple[str, ...]
    report: Report
    seconds: float

    @property
    def violations(self) -> int:
        return len(self.report.violations)

    @property
    def kept(self) -> bool:
        """Whether every promise was kept, in time."""
        in_time = max(self.late_seconds, default=0.0) <= END_SECONDS_MAX
        clean = not self.violations and not self.died_by_themselves
        return clean and self.report.quiet and in_time

    def late(self) -> dict[str, float]:
        """The distribution of how long after the last heal orders ended, in seconds."""
        ordered = sorted(self.late_seconds)
        if not ordered:
            return {"orders": 0.0}
        cuts = statistics.quantiles([*ordered, ordered[-1]], n=100, method="inclusive")
        places = {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "max": ordered[-1]}
        return {"orders": float(len(ordered))} | {n: round(v, 1) for n, v in places.items()}

    def rows(self, **details: Any) -> list[proof.Row]:
        """What is appended to the result file."""
        counted = [(f"orders, {mode.long}", count) for mode, count in self.orders.items()]
        rows = [
            proof.row(KIND, what, count, self.violations, self.seconds, **details)
            for what, count in [*counted, *sorted(self.done.items())]
            if count
        ]
        ends = "orders that ended after the last heal"
        late = self.late()
        count = int(late.pop("orders"))
        return [
            *rows,
            proof.row(KIND, ends, count, self.violations, self.seconds, **details, **late),
        ]


async def run(stack: Stack, logs: Path, given: Slice) -> Outcome:
    """One slice in a world of its own. Where topics are lost the stores alone are judged."""
    keep = not given.wipes
    extra = {**SETTINGS, "OUTBOX_KEEP": str(keep).lower(), "FAULT_SEED": f"long-{given.seed}"}
    chance = random.Random(given.seed)  # noqa: S311 - a seed's own chance
    begun = time.monotonic()
    async with world(stack, logs, services=(), **extra) as here, proxied(here, chance) as proxies:
        await here.start()
        siege = Siege(here, chance, proxies)
        await besiege(siege, given)
        healed_at = await siege.heal()
        await until("every order ended", lambda: all_ended(here), HANG_SECONDS)
        late = await ended_after(here, healed_at)
        if keep:
            await settled(here)
        else:
            await until("every outbox is empty", here.outboxes_empty, HANG_SECONDS)
        report = await here.audit(topics=keep)
        orders = await placed(here)
    done = {**siege.done, **cuts(proxies)}
    seconds = time.monotonic() - begun
    return Outcome(done, orders, late, tuple(siege.died_by_themselves), report, seconds)


@asynccontextmanager
async def proxied(here: World, chance: random.Random) -> AsyncIterator[dict[str, Proxy]]:
    """A proxy before each database, each broker that has a detour, and the orchestrator's API."""
    proxies: dict[str, Proxy] = {}
    api = here.places["orchestrator"]
    try:
        for service in SERVICES:
            proxies[service], here.detours[service] = await before_database(
                here.urls[service], chance
            )
        kafka = here.stack.kafka
        detours = kafka.detours if isinstance(kafka, RealKafka) else {}
        for told, own in detours.items():
            proxies[f"broker at {own}"] = Proxy("127.0.0.1", own, chance)
            await proxies[f"broker at {own}"].listen(told)
        here.kafka_detour = ",".join(f"127.0.0.1:{told}" for told in detours)
        proxies["orchestrator's API"] = Proxy("127.0.0.1", api.http_port, chance)
        port = await proxies["orchestrator's API"].listen()
        here.extra = {**here.extra, "ORCHESTRATOR_URL": f"http://127.0.0.1:{port}"}
        yield proxies
    finally:
        await here.end()
        for proxy in proxies.values():
            await proxy.close()


def cuts(proxies: dict[str, Proxy]) -> dict[str, int]:
    """What the proxies did: without it a bad network would be a claim."""
    return {
        "connections cut": sum(one.cut for one in proxies.values()),
        "chunks swallowed": sum(one.swallowed for one in proxies.values()),
        "chunks throttled": sum(one.slowed for one in proxies.values()),
    }


# ---------------------------------------------------------------- faults

Strike = Callable[[Siege], Awaitable[None]]


async def _network(siege: Siege, way: Way, seconds: float) -> None:
    await siege.bad_network(siege.chance.choice(list(siege.proxies)), way, seconds)


MIXED: Final[tuple[Strike, ...]] = (
    lambda siege: siege.kill_all_services(),
    lambda siege: siege.freeze(siege.chance.choice(SERVICES), siege.chance.uniform(3, 8)),
    lambda siege: siege.twin("orchestrator", siege.chance.uniform(5, 12)),
    lambda siege: siege.twin(siege.chance.choice(SERVICES), siege.chance.uniform(5, 12)),
    lambda siege: siege.forget_groups(siege.chance.choice(SERVICES)),
    lambda siege: _network(siege, Way.UNKNOWN, siege.chance.uniform(3, 8)),
    lambda siege: _network(siege, Way.CUT, siege.chance.uniform(1, 5)),
    lambda siege: _network(siege, Way.HALF_OPEN, siege.chance.uniform(3, 8)),
    lambda siege: _network(siege, Way.THROTTLED, siege.chance.uniform(3, 8)),
)
"""Every further fault is one function here."""


async def besiege(siege: Siege, given: Slice) -> None:
    """Orders, and all kinds of faults at once, each at its own pace, until the time is over."""
    end = time.monotonic() + given.seconds
    servers = asyncio.Lock()
    """One server is away at a time, or nothing would ever be committed."""

    async def kill_postgres(siege: Siege) -> None:
        async with servers:
            await siege.kill_postgres()

    async def kill_broker(siege: Siege) -> None:
        async with servers:
            await siege.kill_broker()

    async def mixed(siege: Siege) -> None:
        await siege.chance.choice(MIXED)(siege)

    async def wipe(siege: Siege) -> None:
        async with servers:
            wiping = [siege.delete_topics, siege.wipe_kafka]
            await siege.chance.choice(wiping)()

    def kill_one(service: str) -> Strike:
        return lambda siege: siege.kill_service(service, siege.chance.uniform(0, 1.5))

    loops = [
        *(_again(siege, kill_one(service), (3, 12), end) for service in SERVICES),
        _again(siege, kill_postgres, (5, 40), end),
        _again(siege, kill_broker, (10, 50), end),
        _again(siege, mixed, (3, 12), end),
        customers(siege.here, siege.chance, end),
    ]
    if given.wipes:
        pace = given.seconds / (given.wipes + 1)
        loops.append(_again(siege, wipe, (pace, pace), end, given.wipes))
    if given.seconds > MAX_POLL_SECONDS:
        loops.append(siege.freeze(siege.chance.choice(SERVICES), MAX_POLL_SECONDS))
    await asyncio.gather(*loops)


async def _again(
    siege: Siege, strike: Strike, pause: tuple[float, float], end: float, most: int | None = None
) -> None:
    struck = 0
    while struck != most:
        await asyncio.sleep(siege.chance.uniform(*pause))
        if time.monotonic() >= end:
            return
        await strike(siege)
        struck += 1


# ---------------------------------------------------------------- orders


async def customers(here: World, chance: random.Random, end: float) -> None:
    """Place batches while not too many orders are open; each that is accepted is a promise."""
    number = 0
    while time.monotonic() < end:
        if await _open_orders(here) < OPEN_MAX:
            number += 1
            body = {
                "mode": list(Mode)[number % 2].value,
                "customer_id": "siege",
                "orders": BATCH_ORDERS,
                "faults": chance.choice(FAULTS),
            }
            answer = await drives.asked(here, "PUT", f"/batches/siege-{number}", body)
            assert answer.is_success, answer.text
        else:
            await asyncio.sleep(LOOK_SECONDS)


async def _open_orders(here: World) -> int:
    query = "SELECT count(*) FROM orders WHERE status = 'RUNNING'"
    try:
        return int((await here.rows("order", query))[0][0])
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return OPEN_MAX


async def all_ended(here: World) -> bool:
    """Whether every order of every batch is placed and ended."""
    query = (
        "SELECT NOT EXISTS (SELECT FROM batches WHERE placed < orders)"
        " AND NOT EXISTS (SELECT FROM orders WHERE status = 'RUNNING')"
    )
    return bool((await here.rows("order", query))[0][0])


async def ended_after(here: World, moment: float) -> tuple[float, ...]:
    """How long after it each order ended that was open then, in seconds."""
    query = (
        "SELECT extract(epoch FROM ended_at)::float8 - $1 FROM orders"
        " WHERE ended_at > to_timestamp($1)"
    )
    found = await here.rows("order", query, moment)
    return tuple(float(one[0]) for one in found)


async def placed(here: World) -> dict[Mode, int]:
    """Orders by mode."""
    rows: Sequence[Any] = await here.rows("order", "SELECT mode, count(*) FROM orders GROUP BY 1")
    return {Mode(mode): count for mode, count in rows}
