"""One SagaExperiment at work: measure, write the undo, strike, measure, take back, wait, judge.

Each step begins from the status alone and each may be done again, so an operator that dies anywhere
goes on where the status says. Whatever happens, what was put on is taken back: at the end of its
time, at an abort, at a deletion, after a restart; and each fault inside a service ends by itself.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from pydantic import ValidationError

from brewsaga_operator import duration, events, names, objects
from brewsaga_operator.cluster import ApiError, Cluster
from brewsaga_operator.crash import Crash, Point
from brewsaga_operator.experiment import (
    TAKEN_BACK,
    End,
    Experiment,
    Rails,
    Rival,
    blind,
    broken,
    choose,
    goes_first,
    noted,
    refusal,
    verdict,
    with_conditions,
)
from brewsaga_operator.load import make_load
from brewsaga_operator.objects import Unreadable, utc_now
from brewsaga_operator.order_api import Away, OrderApi, Refused
from brewsaga_operator.plan import Milestone
from brewsaga_operator.resources import ExperimentSpec
from brewsaga_operator.sources import Sources
from brewsaga_operator.statuses import (
    ExperimentPhase,
    ExperimentStatus,
    ProbeStatus,
    TargetState,
    TargetStatus,
    Verdict,
)
from brewsaga_operator.targets import NotNow, Striker, Strikers, chosen
from brewsaga_operator.telling import Telling

LOOK_SECONDS: Final = 1.0
STOP_SECONDS: Final = 0.2
"""How often it is looked whether to stop, while something is asked for."""
MEASURE_SECONDS: Final = 2.0
"""Between two measurements of all probes while the fault is on."""
MARGIN: Final = timedelta(seconds=15)
"""A fault in a service ends by itself so long after it should have been taken back."""
UNDOING_AT_DELETION: Final = timedelta(minutes=2)
"""How long a deletion waits for what cannot be taken back, before it goes through."""

log = logging.getLogger(__name__)


class Stop(Protocol):
    """kopf's word that the object is being deleted, or the operator ends."""

    def is_set(self) -> bool: ...

    async def wait(self, timeout: float | None = None) -> Any: ...  # noqa: ASYNC109 - kopf's own form


def experiment_of(body: Mapping[str, Any]) -> Experiment:
    """Raises Unreadable."""
    meta = objects.meta_of(body)
    try:
        spec = ExperimentSpec.model_validate(dict(body["spec"]))
        status = ExperimentStatus.model_validate(dict(body.get("status") or {}))
    except ValidationError as error:
        raise Unreadable(f"{meta['name']}: {error}") from error
    created_at = datetime.fromisoformat(meta["creationTimestamp"])
    place = meta["name"], meta["namespace"], meta["uid"], meta["generation"]
    return Experiment(*place, created_at, spec, status)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a course needs of the world."""

    cluster: Cluster
    orders: OrderApi
    sources: Sources
    strikers: Strikers
    rails: Rails
    telling: Telling
    crash: Crash
    namespaces: Sequence[str]
    """Whose experiments take turns; empty: all of the cluster."""


class Course:
    """One experiment's way from phase to phase."""

    def __init__(self, parts: Parts, body: Mapping[str, Any], stop: Stop) -> None:
        self._parts = parts
        self._body = body
        self._stop = stop
        self._it = experiment_of(body)

    @property
    def _status(self) -> ExperimentStatus:
        return self._it.status

    async def run(self) -> None:
        """Phase after phase; what fails is tried again from the status."""
        if self._status.phase is ExperimentPhase.RUNNING:
            self._tell_active(is_on=True)
        while self._status.phase is not ExperimentPhase.FINISHED:
            try:
                await self._unless_stopped(self._step())
            except ApiError as error:
                if error.is_gone:
                    log.warning("experiment %s is gone", self._it.name)
                    return
                log.warning("experiment %s: %s; trying again", self._it.name, error)
            if self._stop.is_set():
                await self._leave()
                return
            await self._stop.wait(LOOK_SECONDS)

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """A source that is slow to answer holds up no deletion. What is cut off here was written
        down before, so it is taken back.
        """
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait({task}, timeout=STOP_SECONDS)
            if not task.done() and self._stop.is_set():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                return
        task.result()

    async def _step(self) -> None:
        match self._status.phase:
            case ExperimentPhase.PENDING:
                await self._pending()
            case ExperimentPhase.BASELINE:
                await self._baseline()
            case ExperimentPhase.INJECTING:
                await self._inject()
            case ExperimentPhase.RUNNING:
                await self._while_on()
            case ExperimentPhase.RECOVERING:
                await self._recover()
            case ExperimentPhase.VERIFYING:
                await self._verify()
            case ExperimentPhase.FINISHED:
                return

    def _aborted(self) -> bool:
        return bool(self._body["spec"].get("abort"))

    # ------------------------------------------------------------ before

    async def _pending(self) -> None:
        if self._aborted():
            await self._end(End(Verdict.ABORTED, "aborted before anything was done"))
            return
        namespace = await self._parts.cluster.get(f"/api/v1/namespaces/{self._it.namespace}")
        labels = namespace["metadata"].get("labels") or {}
        why = refusal(self._it.spec, self._parts.rails, labels)
        if why is not None:
            await self._end(End(Verdict.ERROR, why))
            return
        first = goes_first(self._it.uid, await self._rivals())
        if first is not None:
            await self._write(message=f"waits for {first}: one experiment at a time")
            return
        probes = [ProbeStatus(name=one.name) for one in self._it.spec.probes]
        begun = {"phase": ExperimentPhase.BASELINE, "start_time": utc_now(), "probes": probes}
        await self._write(message="measuring before the fault", **begun)

    async def _rivals(self) -> list[Rival]:
        return [
            Rival(
                datetime.fromisoformat(one["metadata"]["creationTimestamp"]),
                one["metadata"]["name"],
                one["metadata"]["uid"],
                ExperimentPhase((one.get("status") or {}).get("phase", ExperimentPhase.PENDING)),
            )
            for one in await self._parts.cluster.list_all(names.EXPERIMENTS, self._parts.namespaces)
        ]

    async def _baseline(self) -> None:
        if self._aborted():
            await self._end(End(Verdict.ABORTED, "aborted before the fault was put on"))
            return
        probes = await self._measured()
        failing, unseen = broken(self._it.spec, probes), blind(self._it.spec, probes)
        if failing is not None:
            await self._end(End(Verdict.ERROR, f"before the fault: {failing}"), probes=probes)
        elif unseen is not None:
            await self._end(End(Verdict.INCONCLUSIVE, unseen), probes=probes)
        elif all(one.measured_in for one in probes):
            await self._select(probes)
        else:
            await self._write(probes=probes)

    async def _select(self, probes: list[ProbeStatus]) -> None:
        spots = await self._striker().spots(self._it)
        struck = choose([spot.name for spot in spots], self._it.spec.target)
        if not struck:
            service = self._it.spec.target.service.value
            message = (
                f"no target: no running pod of {service} has the label "
                f"{names.CHAOS_LABEL}={names.CHAOS_ALLOWED}"
            )
            await self._end(End(Verdict.ERROR, message), probes=probes)
            return
        targets = [TargetStatus(name=one.name, undo=one.undo) for one in chosen(spots, struck)]
        selected = {"phase": ExperimentPhase.INJECTING, "probes": probes, "targets": targets}
        await self._write(message="", injected_time=utc_now(), **selected)
        self._parts.crash.at(Point.UNDO_WRITTEN)

    # ------------------------------------------------------------ while it is on

    def _until(self) -> datetime:
        """When the fault is to be taken back. It counts from before the first target was struck."""
        injected = self._status.injected_time
        assert injected is not None
        return injected + duration.parse(self._it.spec.duration)

    async def _inject(self) -> None:
        """Strike each target. One that cannot be struck takes all the others back."""
        for target in self._status.targets:
            if target.state is not TargetState.NOT_INJECTED:
                continue
            try:
                until = self._until() + MARGIN
                await self._striker().inject(self._it, target.undo, until)
            except NotNow as error:
                await self._mark(target, TargetState.NOT_INJECTED, str(error))
                if utc_now() >= self._until():
                    await self._write(phase=ExperimentPhase.RECOVERING)
                return
            self._parts.crash.at(Point.FAULT_INJECTED)
            await self._mark(target, TargetState.INJECTED)
        await make_load(self._parts.cluster, self._it, self._body)
        await self._write(phase=ExperimentPhase.RUNNING, message="the fault is on")
        self._tell_active(is_on=True)

    async def _while_on(self) -> None:
        if self._aborted():
            await self._write(phase=ExperimentPhase.RECOVERING, aborted=True, message="aborted")
            return
        probes = await self._measured()
        failing = broken(self._it.spec, probes)
        if failing is not None:
            news = {"phase": ExperimentPhase.RECOVERING, "probes": probes}
            await self._write(message=failing, **news)
        elif utc_now() >= self._until() and all(
            ExperimentPhase.RUNNING.value in one.measured_in or one.errors_in_a_row
            for one in probes
        ):
            await self._write(phase=ExperimentPhase.RECOVERING, probes=probes, message="")
        else:
            await self._write(probes=probes)
            left = (self._until() - utc_now()).total_seconds()
            await self._stop.wait(max(0.0, min(MEASURE_SECONDS, left) - LOOK_SECONDS))

    # ------------------------------------------------------------ after

    async def _recover(self) -> None:
        if not await self._take_back():
            deadline = self._until() + duration.parse(self._it.spec.recovery_deadline)
            if utc_now() < deadline:
                return
        self._tell_active(is_on=False)
        await self._write(phase=ExperimentPhase.VERIFYING, recovery_time=utc_now(), message="")

    async def _take_back(self) -> bool:
        """Take back what can be taken back now; whether it was all."""
        for target in self._status.targets:
            if target.state in TAKEN_BACK:
                continue
            try:
                state = await self._striker().recover(target.undo)
            except NotNow as error:
                await self._mark(target, target.state, str(error))
                continue
            self._parts.crash.at(Point.FAULT_RECOVERED)
            await self._mark(target, state)
        return all(one.state in TAKEN_BACK for one in self._status.targets)

    async def _verify(self) -> None:
        """Wait until every saga has ended, or the deadline; then measure once more, and judge."""
        recovered = self._status.recovery_time
        assert recovered is not None
        await self._take_back()
        is_late = utc_now() >= recovered + duration.parse(self._it.spec.recovery_deadline)
        if self._status.aborted:
            await self._end(verdict(self._it.spec, self._status, []))
            return
        open_sagas = await self._open(recovered)
        if open_sagas != [] and not is_late:
            return
        if self._status.recovered_after is None and open_sagas == []:
            took = duration.told(utc_now() - recovered)
            await self._write(recovered_after=took)
        probes = await self._measured()
        seen = all(ExperimentPhase.VERIFYING.value in one.measured_in for one in probes)
        if seen or is_late or blind(self._it.spec, probes):
            end = verdict(
                self._it.spec, self._status.model_copy(update={"probes": probes}), open_sagas
            )
            self._parts.crash.at(Point.VERDICT_REACHED)
            await self._end(end, probes=probes)
        else:
            await self._write(probes=probes)

    async def _open(self, moment: datetime) -> list[str] | None:
        try:
            return await self._parts.orders.open_before(moment)
        except (Away, Refused) as error:
            log.warning("experiment %s: %s", self._it.name, error)
            return None

    async def _leave(self) -> None:
        """It is being deleted: take back what is on, and be gone. Where only the operator ends,
        the next one goes on, and what is on ends by itself.
        """
        if not self._body["metadata"].get("deletionTimestamp"):
            return
        deadline = utc_now() + UNDOING_AT_DELETION
        while utc_now() < deadline:
            try:
                if await self._take_back():
                    self._tell_active(is_on=False)
                    return
            except ApiError as error:
                if error.is_gone:
                    return
            await asyncio.sleep(LOOK_SECONDS)
        log.error("experiment %s: not all could be taken back; it ends by itself", self._it.name)

    # ------------------------------------------------------------ measuring and writing

    def _striker(self) -> Striker:
        return self._parts.strikers.of(self._it.spec.fault.type)

    async def _measured(self) -> list[ProbeStatus]:
        """Every probe, looked at once."""
        injected, phase = self._status.injected_time, self._status.phase
        records = {one.name: one for one in self._status.probes}
        found = []
        for probe in self._it.spec.probes:
            seen = await self._parts.sources.measure(probe)
            after = None if injected is None else utc_now() - injected
            before = records.get(probe.name) or ProbeStatus(name=probe.name)
            found.append(noted(before, seen, phase, after))
        return found

    async def _mark(self, target: TargetStatus, state: TargetState, message: str = "") -> None:
        """A target's state; said at once, before anything else is done."""
        news: dict[str, object] = {"state": state, "message": message[:1_000] or target.message}
        news["injected"] = target.injected or state is TargetState.INJECTED
        marked = target.model_copy(update=news)
        targets = [marked if one.name == target.name else one for one in self._status.targets]
        if marked != target:
            await self._write(targets=targets)

    async def _write(self, **news: Any) -> None:
        """Say what is new, and only then go on."""
        status = with_conditions(self._it, self._status.model_copy(update=news), utc_now())
        if status == self._status:
            return
        said = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        meta = self._body["metadata"]
        kind = names.EXPERIMENT_KIND
        await self._parts.cluster.apply_status(names.EXPERIMENTS, kind, meta, said)
        self._parts.telling.reconciled("written")
        self._it = self._it._replace(status=status)

    async def _end(self, end: End, **news: Any) -> None:
        finished = {"phase": ExperimentPhase.FINISHED, "completion_time": utc_now()}
        await self._write(verdict=end.verdict, message=end.message, **finished, **news)
        fault = self._it.spec.fault.type.value
        self._parts.telling.experimented(fault, end.verdict.value)
        event = Milestone(end.verdict.value, end.message, end.verdict is not Verdict.PASS)
        await events.tell(self._parts.cluster, self._body, event)

    def _tell_active(self, *, is_on: bool) -> None:
        fault = self._it.spec.fault.type.value
        for target in self._status.targets:
            self._parts.telling.chaos((self._it.name, fault, target.name), is_on=is_on)
