"""Many seeds over all cores, added up; the same result whatever the cores and the order."""

import gc
import multiprocessing
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sim import processes
from sim.scenario import play
from sim.sometimes import DELIVERIES_MEDIAN_MIN, FAULTS_MEDIAN_MIN, SEEDS_FOR_FLOORS, below_floor
from sim.world import Told

CHUNK_SEEDS = 50
VIOLATIONS_KEPT = 20
PROGRESS_SECONDS = 5.0
WORLDS_KEPT = 25
"""Seeds between two collections of garbage; their worlds are some 5 MB."""


@dataclass
class Sum:
    """What a range of seeds came to."""

    seeds: int = 0
    deliveries: list[int] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    heal_seconds: list[float] = field(default_factory=list)
    orders: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: "Sum") -> None:
        self.seeds += other.seeds
        self.deliveries += other.deliveries
        self.faults += other.faults
        self.heal_seconds += other.heal_seconds
        self.orders += other.orders
        self.seen += other.seen
        self.violations = sorted(self.violations + other.violations)

    def take(self, told: Told) -> None:
        self.seeds += 1
        self.deliveries.append(told.deliveries)
        self.faults.append(told.faults)
        self.heal_seconds.append(told.heal_seconds)
        self.orders += told.orders
        self.seen.update(told.seen.keys())
        if told.violation:
            self.violations.append((told.seed, told.violation))

    def faults_of_the_run(self) -> list[str]:
        """Why the run proves less than it should; empty where all is well."""
        found = [f"seed {seed}: {text}" for seed, text in self.violations[:VIOLATIONS_KEPT]]
        found += below_floor(self.seen, self.seeds)
        if self.seeds >= SEEDS_FOR_FLOORS:
            for name, values, least in (
                ("deliveries", self.deliveries, DELIVERIES_MEDIAN_MIN),
                ("faults", self.faults, FAULTS_MEDIAN_MIN),
            ):
                median = statistics.median(values)
                if median < least:
                    found.append(f"{median} {name} at the median, at least {least} are needed")
        return found


def start() -> None:
    """Once a process: the simulator takes the place of asyncio, Kafka and Postgres."""
    processes.drive()
    gc.freeze()
    gc.disable()  # a world is garbage as a whole: it is looked for between seeds


def simulate(seeds: Sequence[int], more: Mapping[str, float] = {}) -> Sum:
    """These seeds, one after the other. `more` are rates in the place of those that they draw."""
    summed = Sum()
    for seed in seeds:
        summed.take(one(seed, more))
    return summed


def one(seed: int, more: Mapping[str, float] = {}) -> Told:
    """What this seed came to; its world is not kept."""
    told, _world = play(seed, more=more)
    if seed % WORLDS_KEPT == 0:
        gc.collect()
    return told


def run(seeds: range, workers: int | None = None, say: Callable[[str], None] = print) -> Sum:
    """All seeds on all cores, progress said every few seconds."""
    begun, told_at, summed = time.monotonic(), time.monotonic(), Sum()
    for part in _parts(seeds, workers or os.cpu_count() or 1):
        summed.add(part)
        now = time.monotonic()
        if now - told_at >= PROGRESS_SECONDS:
            told_at = now
            rate = summed.seeds / (now - begun)
            say(
                f"  {summed.seeds:,} of {len(seeds):,} seeds, {rate:,.0f} a second, "
                f"{len(summed.violations)} violations"
            )
    summed.seconds = time.monotonic() - begun
    return summed


def _parts(seeds: range, workers: int) -> Iterator[Sum]:
    chunks = [seeds[at : at + CHUNK_SEEDS] for at in range(0, len(seeds), CHUNK_SEEDS)]
    if workers == 1 or len(chunks) == 1:
        start()
        yield from map(simulate, chunks)
        return
    with multiprocessing.get_context("fork").Pool(workers, initializer=start) as pool:
        yield from pool.imap_unordered(simulate, chunks)


def summary(summed: Sum) -> str:
    """One run in a few lines."""
    healed = sorted(summed.heal_seconds)
    return (
        f"{summed.seeds:,} seeds, {summed.orders:,} orders, {sum(summed.deliveries):,} deliveries "
        f"(median {statistics.median(summed.deliveries):.0f}), {sum(summed.faults):,} faults "
        f"(median {statistics.median(summed.faults):.0f}) in {summed.seconds:.0f} s, "
        f"{summed.seeds / max(summed.seconds, 0.001):,.0f} seeds a second\n"
        f"ended after the heal (virtual seconds): median {statistics.median(healed):.1f}, "
        f"99 % {healed[len(healed) * 99 // 100]:.1f}, longest {healed[-1]:.1f}\n"
        f"violations: {len(summed.violations)}"
    )
