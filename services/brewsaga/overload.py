"""Twice as many orders as can be served, for two minutes: what becomes of those that are accepted.

First the rate that is served when as many ask as can (the sustainable rate), then its half for
comparison, then twice as much by the clock whether answered or not, then the half again. An order
is refused at the door (429) or it ends: nothing in between. Rates and times are read from order's
table, never from a client's clock; the client shares the machine and costs little.
"""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from brewsaga.audit import audit
from brewsaga.door import Door
from brewsaga.errors import CommandError
from brewsaga.machine import tell
from brewsaga.services_runner import Places, services_running
from brewsaga.visit import visit
from saga.contract import Mode

CONNECTIONS: Final = 128
"""Askers at once; by the clock more may be under way than answer in time, and those count."""

PEAK_SECONDS: Final = 30.0
CALM_SECONDS: Final = 20.0
LOAD: Final = 2.0
AFTER_SECONDS: Final = 60.0
GOODPUT_MIN: Final = 0.9
NORMAL: Final = 2.0
"""Back to normal: the median order of a second takes at most so many times what it took before,
and nobody is refused."""

FLOOR_MS: Final = 100.0
"""A median below this is normal whatever it was before: a busy machine has hiccups."""

QUEUE_MAX: Final = 20_000
DRAIN_SECONDS: Final = 180.0
POLL_SECONDS: Final = 0.25
ACCEPTED: Final = 202
REFUSED: Final = 429


@dataclass(slots=True)
class Load:
    """What was asked in one phase, by the status that answered; 0 is no answer."""

    begun: float = 0.0
    seconds: float = 0.0
    answers: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Overloaded:
    """One mode's figures. Rates are orders that ended a second."""

    mode: str
    max_in_flight: int
    peak_per_second: float
    offered_per_second: float
    goodput_per_second: float
    accepted: int
    refused: int
    unanswered: int
    ended: int
    calm_p50_ms: float
    overloaded_p50_ms: float
    normal_after_seconds: float | None
    violations: int

    @property
    def goodput_share(self) -> float:
        """Of the peak, while overloaded."""
        return self.goodput_per_second / self.peak_per_second

    @property
    def kept(self) -> bool:
        """Whether all that was accepted ended, most of the peak was served, and calm came back."""
        back = self.normal_after_seconds is not None and self.normal_after_seconds <= AFTER_SECONDS
        # Who got no answer may have been accepted all the same.
        all_ended = self.accepted <= self.ended <= self.accepted + self.unanswered
        return all_ended and not self.violations and self.goodput_share >= GOODPUT_MIN and back


class Crowd:
    """Customers at one door."""

    def __init__(self, url: str, mode: Mode) -> None:
        self._doors = [Door(url) for _ in range(CONNECTIONS)]
        self._body = json.dumps({"mode": mode.value, "customer_id": "crowd"}).encode()

    async def _ask(self, door: Door, load: Load) -> None:
        try:
            load.answers[await door.post("/sagas", self._body)] += 1
        except (OSError, TimeoutError):
            load.answers[0] += 1

    async def as_many_as_can(self, seconds: float) -> Load:
        """Each asks again as soon as it is answered."""
        load = Load(time.time(), seconds)
        end = time.monotonic() + seconds

        async def insist(door: Door) -> None:
            while time.monotonic() < end:
                await self._ask(door, load)

        await asyncio.gather(*(insist(door) for door in self._doors))
        return load

    async def by_the_clock(self, per_second: float, seconds: float) -> Load:
        """So many a second, whatever becomes of those before."""
        load = Load(time.time(), seconds)
        due: asyncio.Queue[bool] = asyncio.Queue(QUEUE_MAX)

        async def serve(door: Door) -> None:
            while await due.get():
                await self._ask(door, load)

        servers = [asyncio.create_task(serve(door)) for door in self._doors]
        begun, asked = time.monotonic(), 0
        while (age := time.monotonic() - begun) < seconds:
            for _ in range(int(age * per_second) - asked):
                asked += 1
                if due.full():
                    load.answers[0] += 1
                else:
                    due.put_nowait(True)
            await asyncio.sleep(0.005)
        load.answers[0] += due.qsize()
        while not due.empty():
            due.get_nowait()
        for _ in servers:
            await due.put(False)
        await asyncio.gather(*servers)
        return load

    def close(self) -> None:
        """Let go of all connections."""
        for door in self._doors:
            door.close()


class Orders:
    """Order's table, asked for what the figures are made of."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def ended_per_second(self, load: Load) -> float:
        """While the load lasted; its first tenth is the way there."""
        begin = load.begun + load.seconds / 10
        count = await self._connection.fetchval(
            "SELECT count(*) FROM orders"
            " WHERE ended_at BETWEEN to_timestamp($1) AND to_timestamp($2)",
            begin,
            load.begun + load.seconds,
        )
        return float(count / (load.seconds * 0.9))

    async def medians_ms(self, load: Load) -> list[float]:
        """Of the orders placed in each second of the load, the median time to their end."""
        rows = await self._connection.fetch(
            "SELECT percentile_cont(0.5) WITHIN GROUP"
            " (ORDER BY extract(epoch FROM ended_at - created_at)::float8) * 1000"
            " FROM orders WHERE created_at BETWEEN to_timestamp($1) AND to_timestamp($2)"
            " GROUP BY floor(extract(epoch FROM created_at) - $1) ORDER BY"
            " floor(extract(epoch FROM created_at) - $1)",
            load.begun,
            load.begun + load.seconds,
        )
        return [float(row[0]) for row in rows]

    async def count(self, *, ended: bool) -> int:
        """How many orders there are, or have ended."""
        query = "SELECT count(*) FROM orders WHERE ended_at IS NOT NULL OR NOT $1"
        return int(await self._connection.fetchval(query, ended))

    async def drained(self) -> None:
        """Until no order is open."""
        deadline = time.monotonic() + DRAIN_SECONDS
        query = "SELECT EXISTS (SELECT FROM orders WHERE status = 'RUNNING')"
        while await self._connection.fetchval(query):
            if time.monotonic() > deadline:
                text = f"not every order ended within {DRAIN_SECONDS:.0f} s"
                raise CommandError(text, "brewsaga doctor")
            await asyncio.sleep(POLL_SECONDS)


def normal_after(medians_ms: list[float], calm_ms: float) -> float | None:
    """The second from which on the medians are as they were before; None where they are not."""
    bound = max(NORMAL * calm_ms, FLOOR_MS)
    late = [second for second, one in enumerate(medians_ms) if one > bound]
    after = late[-1] + 1 if late else 0
    return float(after) if after < len(medians_ms) else None


async def overload(
    urls: Mapping[str, str], places: Mapping[str, Places], mode: Mode, seconds: float, bound: int
) -> Overloaded:
    """One mode, over services that run already; `bound` is their MAX_IN_FLIGHT."""
    connection = await asyncpg.connect(urls["order"])
    orders, crowd = Orders(connection), Crowd(places["order"].url, mode)
    try:
        already = await orders.count(ended=False)
        peak = await crowd.as_many_as_can(PEAK_SECONDS)
        peak_per_second = await orders.ended_per_second(peak)
        await orders.drained()
        tell(f"{mode.long}: {peak_per_second:.0f} orders a second can be served")
        calm = await crowd.by_the_clock(peak_per_second / 2, CALM_SECONDS)
        await orders.drained()
        load = await crowd.by_the_clock(LOAD * peak_per_second, seconds)
        after = await crowd.by_the_clock(peak_per_second / 2, AFTER_SECONDS + CALM_SECONDS)
        await orders.drained()
        loads = (peak, calm, load, after)
        calm_ms = statistics.median(await orders.medians_ms(calm))
        return Overloaded(
            mode=mode.long,
            max_in_flight=bound,
            peak_per_second=round(peak_per_second, 1),
            offered_per_second=round(LOAD * peak_per_second, 1),
            goodput_per_second=round(await orders.ended_per_second(load), 1),
            accepted=sum(one.answers[ACCEPTED] for one in loads),
            refused=load.answers[REFUSED],
            unanswered=sum(one.answers[0] for one in loads),
            ended=await orders.count(ended=True) - already,
            calm_p50_ms=round(calm_ms, 1),
            overloaded_p50_ms=round(statistics.median(await orders.medians_ms(load)), 1),
            normal_after_seconds=normal_after(await orders.medians_ms(after), calm_ms),
            violations=len((await audit(urls, None, "")).violations),
        )
    finally:
        crowd.close()
        await connection.close()


def run(modes: Sequence[Mode], seconds: float, bound: int | None, result: Path) -> bool:
    """Measure, print a line a mode, write the result file; whether all that was promised is so."""
    given = {"MODE": "both", "LOG_LEVEL": "WARNING"}
    if bound is not None:
        given["MAX_IN_FLIGHT"] = str(bound)
    with visit("overload") as here:

        async def measure() -> list[Overloaded]:
            settings = {**given, "TOPIC_PREFIX": here.topic_prefix}
            urls = here.backing.database_urls
            async with services_running(here.backing, here.folder / "logs", settings) as places:
                return [await overload(urls, places, mode, seconds, bound or 0) for mode in modes]

        found = asyncio.run(measure())
    for one in found:
        _print(one)
    result.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")
    return all(one.kept for one in found)


def _print(one: Overloaded) -> None:
    back = one.normal_after_seconds
    print(
        f"{one.mode:13} peak {one.peak_per_second:.0f}/s, offered {one.offered_per_second:.0f}/s:"
        f" goodput {one.goodput_per_second:.0f}/s ({one.goodput_share:.0%} of the peak),"
        f" accepted {one.accepted}, refused {one.refused}, unanswered {one.unanswered},"
        f" ended {one.ended}, {one.violations} violations;"
        f" p50 {one.calm_p50_ms:.0f} ms before, {one.overloaded_p50_ms:.0f} ms at the time,"
        f" normal {'not' if back is None else f'{back:.0f} s'} after"
    )
