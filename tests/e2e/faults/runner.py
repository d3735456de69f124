"""Runs trials in one world: arms a service, makes it pass its crash point, sees it die there.

Kafka and Postgres stay up. Trials of different services run at once; of one service one at a time,
and from the moment of its death it is the next trial's. At the end everything runs as it should,
every order has its end, and the audit judges all of it.
"""

import asyncio
import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from brewsaga.audit import Report
from brewsaga.errors import CommandError
from brewsaga.processes import Child
from brewsaga.services_runner import Backing, environment
from e2e.faults import drives
from e2e.faults.cases import FIRST_OF_BATCH, SAGA, Death, Drive, Trial
from e2e.records import settled
from e2e.world import World
from saga import contract
from saga.contract import Mode

DEATH_SECONDS: Final = 90.0
"""No speed check: how long a process may live on before its point counts as not passed."""

ATTEMPTS_MAX: Final = 3
"""A trial of an undo counts only where the undo was on its way; that is chance under load."""

SETTINGS: Final = {
    "RESAY_AFTER_SECONDS": "2",
    "RESAY_MAX_SECONDS": "4",
    "PARK_AFTER_ATTEMPTS": "1000",
    "OUTBOX_KEEP": "true",
    "FAULT_SEED": drives.SEED,
}
"""Little patience, nothing parked, and all rows kept, so that the audit sees everything."""

COMMANDS: Final = {"order place": "order", "inventory refill": "inventory"}
"""Processes that do one thing and leave, by the service whose settings they have."""

Tell = Callable[[str], None]


class NotPassedError(Exception):
    """A process did not die where it should."""


@dataclass(slots=True)
class Verdict:
    """What all the trials came to."""

    trials: int
    deaths: int
    not_passed: list[str]
    sagas: int
    seconds: float
    report: Report

    @property
    def violations(self) -> int:
        return len(self.report.violations)

    @property
    def kept(self) -> bool:
        """Whether every death was seen, every order ended, and no promise is broken."""
        return not self.not_passed and not self.violations and self.report.quiet

    def summary(self) -> str:
        return (
            f"{self.trials} trials, {self.deaths} deaths seen, {len(self.not_passed)} not seen, "
            f"{self.sagas} orders ended, {self.violations} violations, {self.seconds:.0f} s"
        )


@dataclass(slots=True)
class Runner:
    """All trials of one world. `tell` is given a line a trial."""

    here: World
    tell: Tell
    deaths: int = 0
    not_passed: list[str] = field(default_factory=list)
    sagas: dict[str, Mode] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _waiting: Counter[str] = field(default_factory=Counter)
    _asking: list[asyncio.Task[None]] = field(default_factory=list)
    _owed: dict[str, Iterator[str]] = field(default_factory=dict)
    _number: Iterator[int] = field(default_factory=count)
    _done: int = 0

    async def run(self, trials: Sequence[Trial]) -> Verdict:
        """Every trial, then the end of every order, then the audit."""
        begun = time.monotonic()
        alone = [trial for trial in trials if trial.drive is Drive.RECOVERY]
        together = [trial for trial in trials if trial.drive is not Drive.RECOVERY]
        for trial in together:
            self._waiting.update(trial.services)
        await asyncio.gather(*(self._queue(trial, len(trials)) for trial in together))
        for trial in alone:
            self._waiting.update(trial.services)
            await self._queue(trial, len(trials))
        await asyncio.gather(*self._asking)
        report = await self._judge()
        taken = time.monotonic() - begun
        return Verdict(len(trials), self.deaths, self.not_passed, len(self.sagas), taken, report)

    async def _judge(self) -> Report:
        await self.here.ends("both", list(self.sagas), by_order=True)
        await settled(self.here)
        return await self.here.audit()

    async def _queue(self, trial: Trial, trials: int) -> None:
        async with contextlib.AsyncExitStack() as held:
            for place, service in enumerate(trial.services):
                for taken in trial.services[:place]:
                    await self._start_plain(taken)  # others need it while this one waits
                lock = self._locks.setdefault(service, asyncio.Lock())
                await held.enter_async_context(lock)
            begun = time.monotonic()
            try:
                await self._try(trial)
                told = f"died as told in {time.monotonic() - begun:4.1f} s"
            except (NotPassedError, AssertionError, CommandError) as error:
                self.not_passed.append(f"{trial.name}: {error}")
                told = f"NOT PASSED: {error}"
            self._done += 1
            self.tell(f"{self._done:4}/{trials}  {trial.name}: {told}")
            for service in trial.services:
                self._waiting[service] -= 1
                if not self._waiting[service]:
                    await self._start_plain(service)

    async def _start_plain(self, service: str) -> None:
        if service in contract.DATABASES and not self._lives(service):
            await self._start(service)

    def _lives(self, service: str) -> bool:
        child = self.here.children.get(service)
        return child is not None and child.ended() is None

    # ------------------------------------------------------------ one trial

    async def _try(self, trial: Trial) -> None:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            saga_id = self._saga_of(trial)
            if trial.drive in (Drive.PLACE, Drive.REFILL):
                await self._run_command(trial, saga_id)
                return
            await self._kill(trial, saga_id)
            if not trial.undo or await self._was_on_its_way_back(trial, saga_id):
                return
            if attempt == ATTEMPTS_MAX:
                raise NotPassedError(f"it died {attempt} times before the undo")

    def _saga_of(self, trial: Trial) -> str:
        """A new saga for the trial, remembered where it is an order of ours."""
        if trial.drive is Drive.OWED:
            undo = "refund" if trial.services == ("payment",) else "release"
            ids = self._owed.setdefault(undo, drives.refused_first(undo, trial.mode))
            saga_id = next(ids)
        else:
            saga_id = f"trial-{next(self._number)}-{trial.mode.value}"
        if trial.drive in (Drive.ORDER, Drive.UNHEARD, Drive.OWED, Drive.CANCEL):
            self.sagas[saga_id] = trial.mode
        if trial.drive is Drive.BATCH:
            self.sagas[drives.first_of_batch(saga_id)] = trial.mode
        return saga_id

    async def _kill(self, trial: Trial, saga_id: str) -> None:
        """Arm all, make them pass, see each die, and again where it is to die again."""
        later: dict[str, list[str]] = {service: [] for service in trial.services}
        for death in trial.deaths:
            later[death.service].append(_told(death, saga_id))
        for service in trial.services:
            self._end_at_once(service)
        first = {service: ats.pop(0) for service, ats in later.items() if ats}
        marks = {service: await self._arm(service, at) for service, at in first.items()}
        self._asking.append(asyncio.create_task(self._drive(trial, saga_id)))
        for service, at in first.items():
            await self._see_dead(service, at, marks[service])
            for another in later[service]:
                mark = await self._arm(service, another)
                await self._see_dead(service, another, mark)

    def _end_at_once(self, service: str) -> None:
        if self._lives(service):
            self.here.kill([service])

    async def _arm(self, service: str, at: str) -> int:
        """Start it, armed; it may die before it is ready. Where its log begins."""
        log = self.here.logs / f"{service}.log"
        mark = log.stat().st_size if log.exists() else 0
        await self._start(service, CRASH_AT=at)
        return mark

    async def _start(self, service: str, **more: str) -> None:
        """Who is not ready in time lives all the same, and who died at once is looked at later."""
        with contextlib.suppress(CommandError):
            await self.here.start([service], **more)

    async def _see_dead(self, service: str, at: str, mark: int) -> None:
        child = self.here.children[service]
        deadline = time.monotonic() + DEATH_SECONDS
        while child.ended() is None:
            if time.monotonic() > deadline:
                raise NotPassedError(f"{service} did not pass {at} in {DEATH_SECONDS:.0f} s")
            await asyncio.sleep(0.05)
        self._check_death(child, at, mark)

    def _check_death(self, child: Child, at: str, mark: int) -> None:
        said = child.log.read_bytes()[mark:].decode(errors="replace")
        if child.ended() != -signal.SIGKILL or f"died at crash point {at}" not in said:
            text = f"{child.name} ended with {child.ended()}, not at {at}:\n{child.log_tail()}"
            raise NotPassedError(text)
        self.deaths += 1

    async def _was_on_its_way_back(self, trial: Trial, saga_id: str) -> bool:
        found = await self.here.by_saga("orchestrator", "saga_state", [saga_id])
        step = str(found[saga_id]["current_step"]) if saga_id in found else ""
        return step.startswith("COMPENSATING") or step == "DONE"

    async def _drive(self, trial: Trial, saga_id: str) -> None:
        here, mode = self.here, trial.mode
        match trial.drive:
            case Drive.ORDER | Drive.UNHEARD | Drive.OWED:
                await drives.order(here, mode, saga_id, trial.faults)
            case Drive.CANCEL:
                await drives.cancelled(here, mode, saga_id)
            case Drive.POISON:
                await drives.poison(here, trial, saga_id)
            case Drive.BATCH:
                await drives.batch(here, mode, saga_id, trial.faults)
            case Drive.BATCH_CANCEL:
                await drives.batch_cancelled(here, mode, saga_id, trial.faults)
            case Drive.STOP:
                for service in trial.services:
                    here.children[service].process.send_signal(signal.SIGTERM)
            case Drive.RECOVERY:
                await asyncio.to_thread(here.stack.kafka.kill)
                await asyncio.to_thread(here.stack.kafka.start)
            case Drive.START | Drive.PLACE | Drive.REFILL:
                pass

    # ------------------------------------------------------------ commands

    async def _run_command(self, trial: Trial, saga_id: str) -> None:
        """It dies of the one thing that it does; what is then asked for twice is done once."""
        (death,) = trial.deaths
        at = _told(death, saga_id)
        if trial.drive is Drive.PLACE:
            arguments = ["order", "place", "--mode", trial.mode.value, "--count", "1"]
        else:
            arguments = ["inventory", "refill", "beans", "5", "--name", saga_id]
        child = await self._command(death.service, arguments, CRASH_AT=at)
        self._check_death(child, at, 0)
        if trial.drive is Drive.REFILL:
            for _ in range(2):
                child = await self._command(death.service, arguments)
                assert child.ended() == 0, child.log_tail()

    async def _command(self, name: str, arguments: Sequence[str], **more: str) -> Child:
        here = self.here
        backing = Backing(here.bootstrap, here.urls)
        given = environment(COMMANDS[name], backing, here.places, {**here.extra, **more})
        command = [sys.executable, "-m", *arguments]
        log = here.logs / f"{name.replace(' ', '-')}-{next(self._number)}.log"
        child = Child.start(name, command, given, log)
        await asyncio.to_thread(child.process.wait, DEATH_SECONDS)
        return child


def _told(death: Death, saga_id: str) -> str:
    first = drives.first_of_batch(saga_id)
    return death.at.replace(SAGA, saga_id).replace(FIRST_OF_BATCH, first)
