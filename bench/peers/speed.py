"""How fast each engine is, beside BrewSaga in the same minutes and on the same Postgres.

Peers are driven in a closed loop, so many sagas at once, their steps doing nothing: the figure is
the engine's alone. BrewSaga is measured by its own benchmark, its participants writing ledgers,
stock and assignments. Rounds are interleaved, so that a machine that grows slow does so for all.
"""

import asyncio
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Final

import psutil

from brewsaga import bench
from brewsaga.errors import CommandError
from brewsaga.machine import tell
from brewsaga.services_runner import services_running
from brewsaga.visit import Visit
from peers.conform import OURS
from peers.engines import BY_NAME, Peer
from peers.environments import NotHereError
from peers.peer_stage import room_for, worker_of
from peers.results import Load
from peers.servers import Server
from peers.worker import GoneError, VerbError, Worker

LEVELS: Final = (1, 16, 64)
"""Sagas at once."""

SECONDS: Final = 2.0
"""About how long one measure takes; how many sagas that is, a trial shows."""

TRIAL_SAGAS: Final = 10
SAGAS_MIN: Final = 30
OURS_SATURATED: Final = 10_000
OURS_ALONE: Final = 100
Keep = Callable[[str, list[Load]], None]


def measure(here: Visit, engines: Sequence[str], rounds: int, keep: Keep) -> dict[str, str]:
    """Why an engine is not here, by engine; `keep` is told each round's loads as they are known."""
    absent: dict[str, str] = {}
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        if any(engine in OURS for engine in engines):
            for engine, loads in asyncio.run(_ours(here)).items():
                keep(engine, loads)
        for engine in engines:
            if engine in OURS or engine in absent:
                continue
            try:
                keep(engine, asyncio.run(_theirs(here, BY_NAME[engine])))
            except (NotHereError, CommandError, GoneError, VerbError) as error:
                absent[engine] = str(error).splitlines()[0]
                tell(f"{engine}: not measured: {error}")
    return absent


async def _theirs(here: Visit, peer: Peer) -> list[Load]:
    async with room_for(peer, here.stack, here.folder) as room:
        running = peer.prepare(room)
        worker = worker_of(peer, room, running, ledger_url="")
        try:
            for server in running.servers:
                await asyncio.to_thread(server.start)
            await worker.start()
            return [await _load(peer, worker, running.servers, at_once) for at_once in LEVELS]
        finally:
            await worker.kill()
            for server in reversed(running.servers):
                server.end()


async def _load(peer: Peer, worker: Worker, servers: Sequence[Server], at_once: int) -> Load:
    """Warm up, see how many sagas fill the time, and run so many."""
    trial = await _flood(worker, max(TRIAL_SAGAS, at_once), at_once)
    sagas = max(SAGAS_MIN, at_once, round(SECONDS * trial.sagas_per_second))
    before = _cpu_seconds(worker, servers)
    load = await _flood(worker, sagas, at_once)
    cpu = (_cpu_seconds(worker, servers) - before) / sagas * 1_000
    told = Load(at_once, sagas, load.sagas_per_second, load.p50_ms, load.p99_ms, round(cpu, 2))
    tell(f"{peer.name:14} {told}")
    return told


async def _flood(worker: Worker, sagas: int, at_once: int) -> Load:
    prefix = uuid.uuid4().hex[:12]
    told = await worker.ask("flood", prefix=prefix, sagas=sagas, at_once=at_once)
    cuts = statistics.quantiles(told["taken_ms"], n=100)
    rate = round(sagas / told["seconds"], 1)
    return Load(at_once, sagas, rate, round(cuts[49], 1), round(cuts[98], 1), 0.0)


def _cpu_seconds(worker: Worker, servers: Sequence[Server]) -> float:
    """Of the worker and its servers, with what their children used, dead ones too."""
    pids = [worker.pid, *(pid for server in servers for pid in server.pids())]
    total = 0.0
    for pid in pids:
        parent = psutil.Process(pid)
        times = parent.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
        for child in parent.children(recursive=True):
            try:
                used = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += used.user + used.system
    return total


async def _ours(here: Visit) -> dict[str, list[Load]]:
    """Both modes, over services that run for this round alone."""
    stack, given = here.stack, {**bench.SETTINGS, "TOPIC_PREFIX": here.topic_prefix}
    cpu = bench.Cpu(
        [server.identity.pid for server in stack.postgres.servers().values()],
        [server.identity.pid for server in stack.kafka.servers().values()],
    )
    logs = here.folder / f"logs-{time.monotonic_ns()}"
    async with services_running(here.backing, logs, given) as places:
        measured = await bench.bench(
            here.backing.database_urls, places, cpu, OURS_SATURATED, OURS_ALONE
        )
    found = {}
    for engine, mode in OURS.items():
        one = next(one for one in measured if one.mode == mode.long)
        many = one.saturated
        used = many.services_cpu_seconds + many.postgres_cpu_seconds + many.kafka_cpu_seconds
        found[engine] = [
            Load(
                1,
                one.alone.sagas,
                round(1_000 / one.alone.p50_ms, 1),
                one.alone.p50_ms,
                one.alone.p99_ms,
                0.0,
            ),
            Load(many.sagas, many.sagas, many.sagas_per_second, None, None, round(used, 2)),
        ]
    return found
