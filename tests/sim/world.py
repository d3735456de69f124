"""One seed: orders are placed, everything goes wrong, then it heals, and every order must end.

Virtual time: what happens next is the earliest alarm. Chance has one source, so that the seed alone
decides. Nothing here knows what is right: that is `invariants`' to say.
"""

import random
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from typing import Any

from sagakit.shell.ports import Record
from sim.broker import Broker, Group
from sim.database import Change, Database
from sim.invariants import Judge
from sim.processes import PARTS, SERVICES, Ids, Killed, Process
from sim.rates import Rates
from sim.tasks import DIES, Current, Task
from sim.violation import Violated

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
MODES = (("choreo",), ("orch",), ("choreo", "orch"))
"""What a seed runs, in turn: one mode, the other, or both on the same stock."""
LIVENESS_SECONDS = 240.0
"""Virtual time from the heal within which all must have ended."""
LOOKS_EVERY = 16
"""After how many events somebody looks whether all is over."""
SLOW_SECONDS_MAX = 15.0
"""The longest pause of a process between its load and its write."""
TAKEN_FOR_DEAD = 0.7
"""How often the group gives the work of a slow process to another."""
EVENTS_MAX = 200_000
"""A world that does not come to rest is a fault of the simulator or of the services."""


@dataclass
class Told:
    """What one seed came to."""

    seed: int
    modes: str
    violation: str = ""
    deliveries: int = 0
    faults: int = 0
    orders: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    heal_seconds: float = 0.0


Line = tuple[float, str, str, str]
"""When, who, what, and the rest."""


class World:
    """The scheduler, and all that it schedules."""

    def __init__(self, seed: int, *, story: bool = False, more: Mapping[str, float] = {}) -> None:
        Ids.count = 0
        Current.world = self
        self.seed, self.modes = seed, MODES[seed % len(MODES)]
        self.chance = random.Random(seed)  # noqa: S311 - a simulation is repeatable
        self.rates = Rates.drawn(self.chance).with_more(**more)
        self.time = 0.0
        self._moment = (0.0, BEGINNING)
        self.faulty = True
        self.keeps_outbox = self.chance.random() < self.rates.keeps_outbox
        self.told = Told(seed, "+".join(self.modes))
        self.lines: list[Line] | None = [] if story else None
        self._alarms: list[tuple[float, int, Any, int]] = []
        """When, the alarm's number, and what is called then; or a task, and its wakes."""
        self._alarm_number = 0
        self.databases = {service: Database(self, service) for service in SERVICES}
        self.groups = {
            (service, handler.mode): Group(service, handler.mode)
            for service in SERVICES
            for handler in PARTS[service].handlers
            if handler.mode in self.modes
        }
        self.broker = Broker(self, list(self.groups.values()))
        self.judge = Judge(self)
        self.poison: dict[tuple[str, int, int], str] = {}
        """Records that no service can handle, with the reason."""
        self.initial_stock: dict[str, int] = {}
        self.processes: list[Process] = []

    # ------------------------------------------------------------ time

    def moment(self, skew_seconds: float) -> datetime:
        seconds = self.time + skew_seconds
        if self._moment[0] != seconds:  # it is asked again and again at one time
            self._moment = (seconds, BEGINNING + timedelta(seconds=seconds))
        return self._moment[1]

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self._alarm_number += 1
        heappush(self._alarms, (self.time + seconds, self._alarm_number, call, 0))

    def latency(self) -> float:
        """A round trip to the database or the broker."""
        return self.chance.random() * self.rates.latency

    def slow_seconds(self, process: Process) -> float:
        """How long a process pauses between what it has loaded and what it writes, if it does: so
        long that others go far on the same rows, with what it has in hand itself too.
        """
        if not self.faulty or self.chance.random() >= self.rates.pause:
            return 0.0
        self.fault("process slow", process.name, "")
        if self.chance.random() < TAKEN_FOR_DEAD:
            for member in process.members:
                self._hand_on(member)
        return self.chance.random() * SLOW_SECONDS_MAX

    def transit(self) -> float:
        """A record's way to its group: mostly short, sometimes so long that all overtakes it."""
        if self.faulty and self.chance.random() < self.rates.delay:
            self.fault("message delayed", "broker", "")
            return self.chance.random() * 20.0
        return self.chance.random() * self.rates.jitter

    def run(self, until: Callable[[], bool], deadline: float) -> bool:
        """Let things happen until it is so; False where time ran out."""
        alarms = self._alarms
        for event in range(EVENTS_MAX):
            if event % LOOKS_EVERY == 0 and until():
                return True
            if not alarms or alarms[0][0] > deadline:
                self.time = deadline
                return until()
            self.time, _number, what, wakes = heappop(alarms)
            if wakes:
                self._resume(what, wakes)
            else:
                what()
        raise Violated(f"no rest after {EVENTS_MAX} events")

    # ------------------------------------------------------------ tasks

    def spawn(self, process: Process, coroutine: Coroutine[Any, Any, Any], name: str) -> Task:
        task = Task(process, coroutine, name)
        process.tasks.add(task)
        self._alarm_for(task, self.latency())
        return task

    def wake(self, task: Task) -> None:
        self._alarm_for(task, self.latency())

    def _alarm_for(self, task: Task, seconds: float) -> None:
        task.wakes += 1
        self._alarm_number += 1
        heappush(self._alarms, (self.time + seconds, self._alarm_number, task, task.wakes))

    def _resume(self, task: Task, number: int) -> None:
        process = task.process
        if number != task.wakes or task not in process.tasks:
            return
        if process.stopped_until > self.time:
            self._alarm_for(task, process.stopped_until - self.time)
            return
        if self.faulty and self._strikes(process, task):
            return
        wait = self._step(task)
        if wait == DIES:
            self.crash(process, f"died in {task.name}")
        elif wait is not None:
            self._alarm_for(task, wait)

    def _step(self, task: Task) -> float | None:
        """Let it go on to its next wait: seconds, DIES, or None where no alarm is needed."""
        process = task.process
        Current.task = task
        try:
            wait: float | None = task.coroutine.send(None)
        except StopIteration:
            process.tasks.discard(task)
            return None
        except Killed:
            process.tasks.discard(task)
            self.crash(process, "killed by a message")
            return None
        except Exception as error:  # noqa: BLE001 - what a service lets through ends its process
            process.tasks.discard(task)
            self.sometimes("a process fell over")
            self.crash(process, f"fell over: {error!r}")
            return None
        return wait

    def _strikes(self, process: Process, task: Task) -> bool:
        drawn, rates = self.chance.random(), self.rates
        if drawn >= rates.until_stop:
            return False
        if drawn < rates.crash:
            self.fault("crash", process.name, task.name)
            self.crash(process, f"killed in {task.name}")
            return True
        seconds = 5.0 + self.chance.random() * 60.0
        self.fault("process stopped", process.name, f"for {seconds:.0f} s")
        process.stopped_until = self.time + seconds
        self._take_over(process)
        self._alarm_for(task, seconds)
        return True

    def _take_over(self, process: Process) -> None:
        """The group gives what a silent member has in hand to another: a zombie is left."""
        others = [p for p in self.processes if p.is_up(process.service)]
        if others and any(member.in_work for member in process.members):
            self.sometimes(f"taken over from {process.service}")
        for member in process.members:
            group = member.group
            if group is not None:
                if member in group.idle:
                    group.idle.remove(member)
                    self.after(process.stopped_until - self.time, partial(self._rejoin, member))
                self._hand_on(member)

    def _hand_on(self, member: Any) -> None:
        """What it has in hand is given to others too."""
        member.group.inbox.extend(member.in_work)
        self.broker.dispatch(member.group)

    def _rejoin(self, member: Any) -> None:
        alive = member.process.alive and member in member.process.members
        if alive and not member.in_work and member not in member.group.idle:
            member.group.idle.append(member)
            self.broker.dispatch(member.group)

    def crash(self, process: Process, why: str) -> None:
        process.kill(why)
        self.after(0.2 + self.chance.random() * self.rates.restart, lambda: self.restart(process))

    def close(self) -> None:
        """The seed is over."""
        for process in self.processes:
            process.alive = False
            process.close()

    def restart(self, process: Process) -> None:
        if not process.alive:
            self.note(process.name, "started", "")
            process.start()

    # ------------------------------------------------------------ what is seen

    def committed(self, database: Database, changes: list[Change]) -> None:
        if self.lines is not None:
            for table, key, before, after in changes:
                self.note(database.service, f"writes {table}", _difference(key, before, after))
        self.judge.committed(database, changes)

    def check_bytes(self, message_id: str, value: bytes) -> None:
        self.judge.published(message_id, value)

    def delivered(self, group: Group, records: list[Record]) -> None:
        self.told.deliveries += len(records)
        if self.lines is not None:
            for record in records:
                place = f"{record.topic}/{record.partition}@{record.offset}"
                key = (record.key or b"").decode(errors="replace")
                self.note(group.service, "is given", f"{place} {key}")

    def fault(self, kind: str, who: str, detail: str) -> None:
        self.told.faults += 1
        self.told.seen[kind] += 1
        self.note(who, f"! {kind}", detail)

    def sometimes(self, what: str) -> None:
        self.told.seen[what] += 1

    def note(self, who: str, what: str, detail: str) -> None:
        if self.lines is not None:
            self.lines.append((self.time, who, what, detail))


def _difference(key: Any, before: Any, after: Any) -> str:
    if after is None:
        return f"{key} deleted"
    if before is None:
        kept = {name: value for name, value in after.items() if value not in (None, "", 0, False)}
    else:
        kept = {name: value for name, value in after.items() if before[name] != value}
    words = (f"{n}={_short(v)}" for n, v in kept.items() if n not in ("saga_id", "payload"))
    return f"{key} {' '.join(words)}"


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return f"+{(value - BEGINNING).total_seconds():.1f}s"
    return str(value)[:40]
