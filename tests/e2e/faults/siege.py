"""A world under faults that never pause: orders come, and services, servers and network fail.

Everything is drawn by one seed; what was done is counted, so that a quiet run proves nothing by
mistake. It must not judge: that is for the audit, once all is healed.
"""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from brewsaga.errors import CommandError
from brewsaga.processes import Child
from brewsaga.stack.kafka import RealKafka
from e2e.faults.proxy import Proxy, Way
from e2e.world import World
from saga import contract

SERVICES: Final = tuple(contract.DATABASES)


@dataclass(slots=True)
class Siege:
    """One world, its proxies, and all that was done to it."""

    here: World
    chance: random.Random
    proxies: dict[str, Proxy]
    done: Counter[str] = field(default_factory=Counter)
    died_by_themselves: list[str] = field(default_factory=list)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    @asynccontextmanager
    async def _mine(self, service: str) -> AsyncIterator[Child]:
        """A service that nobody else kills, stops or starts meanwhile; it lives."""
        async with self._locks.setdefault(service, asyncio.Lock()):
            await self._live(service)
            yield self.here.children[service]

    async def _live(self, service: str) -> None:
        """Start it where it does not run. One that ended by itself is a finding."""
        child = self.here.children.get(service)
        if child is not None and child.ended() is None:
            return
        if child is not None:
            text = f"{service} ended by itself with {child.ended()}:\n{child.log_tail()}"
            self.died_by_themselves.append(text)
        await self._start(service)

    async def _start(self, service: str) -> None:
        """Start it; with servers away it is not ready in time, and lives all the same."""
        try:
            await self.here.start([service])
        except CommandError as error:
            child = self.here.children[service]
            if child.ended() is not None:
                self.died_by_themselves.append(str(error))
                self.here.children.pop(service)

    # ------------------------------------------------------------ services

    async def kill_service(self, service: str, away_seconds: float = 0.0) -> None:
        """Kill -9, and start it again after so long."""
        async with self._mine(service):
            self.here.kill([service])
            self.done["kills of a service"] += 1
            await asyncio.sleep(away_seconds)
            await self._start(service)

    async def kill_all_services(self) -> None:
        """Every one of them within the same moment."""
        await asyncio.gather(*(self.kill_service(service) for service in SERVICES))
        self.done["kills of all services at once"] += 1

    async def freeze(self, service: str, seconds: float) -> None:
        """SIGSTOP and, after its partitions have long been given to others, SIGCONT."""
        async with self._mine(service) as child:
            child.process.send_signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                child.process.send_signal(signal.SIGCONT)
            self.done["freezes"] += 1

    async def twin(self, service: str, seconds: float) -> None:
        """Two of one service at once; in the end the second is killed."""
        async with self.here.second(service) as (second, _places):
            await asyncio.sleep(seconds)
            if second.ended() is not None:
                text = f"the second {service} ended by itself:\n{second.log_tail()}"
                self.died_by_themselves.append(text)
        self.done[f"two of {service} at once"] += 1
        self.done["kills of a service"] += 1

    async def forget_groups(self, service: str) -> None:
        """Its consumer groups are deleted, offsets and all: it hears everything again."""
        modes = [mode for mode in contract.Mode if contract.heard_by(service, mode)]
        groups = [contract.consumer_group(self.here.prefix, service, mode) for mode in modes]
        async with self._mine(service):
            self.here.kill([service])
            self.done["kills of a service"] += 1
            if await self.here.forget_groups(groups):
                self.done["consumer groups deleted"] += len(groups)
            await self._start(service)

    # ------------------------------------------------------------ servers

    async def kill_postgres(self) -> None:
        postgres = self.here.stack.postgres
        await asyncio.to_thread(postgres.kill)
        await asyncio.sleep(self.chance.uniform(0, 3))
        await asyncio.to_thread(postgres.start)
        self.done["kills of Postgres"] += 1

    async def kill_broker(self) -> None:
        """The one broker, or one of three."""
        kafka = self.here.stack.kafka
        assert isinstance(kafka, RealKafka)
        nodes = [self.chance.randrange(1, 1 + len(kafka.servers()))]
        await asyncio.to_thread(kafka.kill, nodes)
        await asyncio.sleep(self.chance.uniform(0, 3))
        await asyncio.to_thread(kafka.start, nodes)
        self.done["kills of a broker"] += 1

    async def delete_topics(self) -> None:
        await self.here.wipe_topics()
        self.done["wipes: every topic deleted"] += 1

    async def wipe_kafka(self) -> None:
        """Its data are gone: topics, groups, offsets, producers' numbers."""
        await asyncio.to_thread(self.here.stack.kafka.wipe)
        await asyncio.to_thread(self.here.stack.kafka.start)
        await self.here.make_topics()
        self.done["wipes: Kafka without its data"] += 1

    # ------------------------------------------------------------ the network

    async def bad_network(self, whose: str, way: Way, seconds: float) -> None:
        proxy = self.proxies[whose]
        proxy.be(way)
        try:
            await asyncio.sleep(seconds)
        finally:
            proxy.be(Way.PASS)
        self.done[f"the network {way.value}"] += 1

    # ------------------------------------------------------------ the end of it

    async def heal(self) -> float:
        """Nothing fails any more; every service is ready. The time of it (of the wall clock)."""
        for proxy in self.proxies.values():
            proxy.be(Way.PASS)
        await asyncio.to_thread(self.here.stack.start)
        for service in SERVICES:
            await self._live(service)
        return time.time()


async def survives(work: asyncio.Task[None]) -> None:
    """Wait for a task that was cancelled."""
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
