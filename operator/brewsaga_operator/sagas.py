"""The BrewSagas at work: one task looks at each that has not ended, at most once a second.

What the watch tells is only noted here; all that is decided is decided from the whole by `plan`.
An object that is gone is forgotten, and its orders go on: nothing of them is the operator's.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from brewsaga_operator import events, names, objects
from brewsaga_operator.cluster import ApiError, Cluster, custom
from brewsaga_operator.crash import Crash, Point
from brewsaga_operator.objects import Unreadable, utc_now
from brewsaga_operator.order_api import Away, OrderApi, Refused
from brewsaga_operator.plan import (
    LOOK_AGAIN,
    Action,
    Decision,
    Experiment,
    Known,
    Saga,
    batch_of,
    plan,
    progress_of,
    settled,
)
from brewsaga_operator.statuses import ExperimentPhase, SagaStatus
from brewsaga_operator.telling import Telling

AT_ONCE_MAX: Final = 16
"""Objects looked at at the same moment."""
BACKOFF_MAX_SECONDS: Final = 15.0
TICK_SECONDS: Final = 0.2

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Entry:
    """One object as it was last seen, and when to look at it next."""

    body: Mapping[str, Any]
    due_at: datetime
    failures: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sagas:
    """Keeps every BrewSaga's status true."""

    def __init__(self, cluster: Cluster, orders: OrderApi, telling: Telling, crash: Crash) -> None:
        self._cluster = cluster
        self._orders = orders
        self._telling = telling
        self._crash = crash
        self._entries: dict[str, Entry] = {}
        self._woken = asyncio.Event()

    def seen(self, body: Mapping[str, Any]) -> None:
        """The watch has told of an object."""
        uid = body["metadata"]["uid"]
        entry = self._entries.get(uid)
        if entry is None:
            self._entries[uid] = Entry(body, utc_now())
        else:
            changed = body["metadata"]["generation"] != entry.body["metadata"]["generation"]
            entry.body = body
            if changed:
                entry.due_at = utc_now()
        self._woken.set()

    def gone(self, uid: str) -> None:
        """The object is deleted."""
        self._entries.pop(uid, None)

    def generations(self) -> dict[str, int]:
        """What the watch has told so far, for the probe that asks whether it still does."""
        return {uid: one.body["metadata"]["generation"] for uid, one in self._entries.items()}

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        gate = asyncio.Semaphore(AT_ONCE_MAX)
        async with asyncio.TaskGroup() as group:
            while True:
                self._woken.clear()
                now = utc_now()
                due = [uid for uid, one in self._entries.items() if one.due_at <= now]
                for uid in due:
                    entry = self._entries[uid]
                    entry.due_at = now + LOOK_AGAIN
                    if not entry.lock.locked():
                        group.create_task(self._look(uid, entry, gate))
                await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _look(self, uid: str, entry: Entry, gate: asyncio.Semaphore) -> None:
        async with gate, entry.lock:
            try:
                after = await self._reconcile(entry)
            except ApiError as error:
                if error.is_gone:
                    self.gone(uid)
                    return
                after = self._failed(entry, error)
            except Unreadable as error:
                log.warning("left alone: %s", error)
                after = None
            except Exception as error:  # noqa: BLE001 - one object's fault is not the others'
                after = self._failed(entry, error)
            else:
                entry.failures = 0
            entry.due_at = (
                datetime.max.replace(tzinfo=utc_now().tzinfo)
                if after is None
                else utc_now() + after
            )

    def _failed(self, entry: Entry, error: Exception) -> timedelta:
        """Tried again from the whole, ever more patiently."""
        self._telling.reconciled("failed")
        entry.failures += 1
        log.warning("%s: %s; trying again", entry.body["metadata"]["name"], error)
        seconds = min(BACKOFF_MAX_SECONDS, 0.5 * 2.0 ** min(entry.failures, 10))
        return timedelta(seconds=seconds)

    # ------------------------------------------------------------ one object

    async def _reconcile(self, entry: Entry) -> timedelta | None:
        saga = objects.saga_of(entry.body)
        decision = settled(saga, utc_now())
        if decision is None:
            known = await self._ask(saga, entry.body)
            decision = plan(saga, known, utc_now())
            decision = await self._act(saga, entry.body, known, decision)
            await self._write(entry, saga, decision)
        if Action.DELETE in decision.actions:
            path = custom(names.SAGAS, entry.body["metadata"]["namespace"], saga.name)
            await self._cluster.delete(path, saga.uid)
        return decision.look_again_after

    async def _ask(self, saga: Saga, body: Mapping[str, Any]) -> Known:
        experiment = await self._experiment(saga, body) if saga.spec.chaos else None
        try:
            answer = await self._orders.progress(saga.uid)
        except (Away, Refused) as error:
            return Known(away=str(error), experiment=experiment)
        progress = None if answer is None else progress_of(answer)
        return Known(progress=progress, experiment=experiment)

    async def _experiment(self, saga: Saga, body: Mapping[str, Any]) -> Experiment | None:
        path = custom(names.EXPERIMENTS, body["metadata"]["namespace"], experiment_name(saga))
        try:
            found = await self._cluster.get(path)
        except ApiError as error:
            if error.is_gone:
                return None
            raise
        status = found.get("status") or {}
        phase = ExperimentPhase(status.get("phase", ExperimentPhase.PENDING))
        return Experiment(phase, status.get("verdict", "Awaited"))

    async def _act(
        self, saga: Saga, body: Mapping[str, Any], known: Known, decision: Decision
    ) -> Decision:
        """Do what was decided. What has changed by it is asked for and decided anew."""
        if known.away is not None:
            return decision
        try:
            for action in decision.actions:
                if action is Action.MAKE_EXPERIMENT:
                    await self._make_experiment(saga, body)
                elif action is Action.PLACE:
                    await self._orders.place(saga.uid, batch_of(saga.spec))
                    self._crash.at(Point.BATCH_PLACED)
                    return plan(saga, await self._ask(saga, body), utc_now())
                elif action is Action.CANCEL:
                    await self._orders.cancel(saga.uid)
        except Refused as error:
            refused = Known(refusal=str(error), experiment=known.experiment)
            return plan(saga, refused, utc_now())
        except Away as error:
            away = Known(known.progress, away=str(error), experiment=known.experiment)
            return plan(saga, away, utc_now())
        return decision

    async def _make_experiment(self, saga: Saga, body: Mapping[str, Any]) -> None:
        assert saga.spec.chaos is not None
        namespace = body["metadata"]["namespace"]
        made = {
            "apiVersion": names.API_VERSION,
            "kind": names.EXPERIMENT_KIND,
            "metadata": {
                "name": experiment_name(saga),
                "namespace": namespace,
                "ownerReferences": [objects.owner_of(body)],
            },
            "spec": saga.spec.chaos.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        try:
            await self._cluster.create(custom(names.EXPERIMENTS, namespace), made)
        except ApiError as error:
            if not error.exists:
                raise
        self._crash.at(Point.EXPERIMENT_MADE)

    async def _write(self, entry: Entry, saga: Saga, decision: Decision) -> None:
        """The status, where it says something new; then the milestones."""
        if _same(saga.status, decision.status):
            self._telling.reconciled("unchanged")
            return
        status = decision.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        meta = entry.body["metadata"]
        entry.body = await self._cluster.apply_status(names.SAGAS, names.SAGA_KIND, meta, status)
        self._telling.reconciled("written")
        for told in decision.milestones:
            await events.tell(self._cluster, entry.body, told)


def experiment_name(saga: Saga) -> str:
    """The experiment of a BrewSaga: one, whatever the operator forgets."""
    return f"{saga.name[:200]}-chaos"


def _same(before: SagaStatus, after: SagaStatus) -> bool:
    """Whether there is nothing new to say: a duration that grows is no news, nor are fractions of
    a second.
    """
    passing = {"duration"}
    shown = [one.model_dump(mode="json", exclude=passing) for one in (before, after)]
    return shown[0] == shown[1]
