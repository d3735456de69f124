"""A world in memory for one experiment: it notes, in order, what is written and what is done."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from brewsaga_operator.cluster import ApiError
from brewsaga_operator.course import Course, Parts
from brewsaga_operator.crash import Crash
from brewsaga_operator.experiment import Measurement, Rails
from brewsaga_operator.objects import utc_now
from brewsaga_operator.statuses import TargetState
from brewsaga_operator.targets import NotNow, Spot
from brewsaga_operator.telling import Telling

STEPS_MAX = 60
LABELS = {"brewsaga.dev/chaos": "allowed"}


class Stop:
    """Never stopped, and hardly waits."""

    def __init__(self, here: "Here") -> None:
        self._here = here
        self._steps = 0

    def is_set(self) -> bool:
        self._steps += 1
        assert self._steps < STEPS_MAX, self._here.log
        return self._here.stopped

    async def wait(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as kopf's
        self._here.waited += timeout or 0
        await asyncio.sleep(0.001)  # a spec's spans are as short, and end by the clock


@dataclass
class Here:
    """Answers as a cluster, an order service, an auditor and a striker do."""

    spec: dict[str, Any]
    status: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    spots_there: list[str] = field(default_factory=lambda: ["pod-1"])
    measurements: list[Measurement] = field(default_factory=list)
    unstrikable: bool = False
    refusals: dict[str, int] = field(default_factory=dict)
    """How often a target cannot be struck, before it can."""
    open_sagas: list[str] = field(default_factory=list)
    stopped: bool = False
    hangs_in: str = ""
    """The phase in which the source of the probes never answers."""
    waited: float = 0.0

    @property
    def body(self) -> dict[str, Any]:
        deleted = {"deletionTimestamp": "2026-01-02T00:00:00Z"} if self.hangs_in else {}
        return {
            "apiVersion": "brewsaga.dev/v1alpha1",
            "kind": "SagaExperiment",
            "metadata": deleted
            | {
                "name": "x",
                "namespace": "n",
                "uid": "u",
                "generation": 1,
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": self.spec,
            "status": self.status,
        }

    async def run(self) -> dict[str, Any]:
        """To its end; the status then."""
        rails = Rails(enabled=True, broker_kill=True, database_kill=True)
        here: Any = self
        parts = Parts(here, here, here, here, rails, Telling(), Crash(), [])
        await Course(parts, self.body, Stop(self)).run()
        return self.status

    # ------------------------------------------------------------ the cluster

    async def get(self, _path: str) -> dict[str, Any]:
        return {"metadata": {"labels": LABELS}}

    async def list_all(self, _plural: str, _namespaces: list[str]) -> list[dict[str, Any]]:
        return [self.body]

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.log.append(f"create {path.rpartition('/')[2]}")
        return body

    async def apply_status(
        self, _plural: str, _kind: str, _meta: Any, status: dict[str, Any]
    ) -> dict[str, Any]:
        before = self.status.get("phase")
        if status["phase"] != before:
            self.log.append(status["phase"])
        for target in status.get("targets", []):
            known = {one["name"]: one for one in self.status.get("targets", [])}
            if known.get(target["name"], {}).get("state") != target["state"]:
                self.log.append(f"written {target['name']} {target['state']}")
        self.status = status
        return self.body

    # ------------------------------------------------------------ who is struck

    def of(self, _fault: Any) -> "Here":
        return self

    async def spots(self, _experiment: Any) -> list[Spot]:
        return [Spot(name, f"undo {name}") for name in self.spots_there]

    async def inject(self, _experiment: Any, undo: str, until: datetime) -> None:
        if self.unstrikable:
            raise NotNow("it does not answer")
        name = undo.removeprefix("undo ")
        if self.refusals.get(name, 0) > 0:
            self.refusals[name] -= 1
            raise NotNow("not yet")
        assert until - utc_now() < timedelta(minutes=31)
        self.log.append(f"inject {name}")

    async def recover(self, undo: str) -> TargetState:
        self.log.append(f"recover {undo.removeprefix('undo ')}")
        return TargetState.RECOVERED

    # ------------------------------------------------------------ what is asked

    async def measure(self, _probe: Any) -> Measurement:
        if self.hangs_in == self.status["phase"]:
            self.stopped = True  # somebody deletes it meanwhile
            await asyncio.Event().wait()
        return self.measurements.pop(0) if self.measurements else Measurement("holds")

    async def open_before(self, _moment: datetime) -> list[str]:
        return self.open_sagas


class Broken(Here):
    """The API server fails once at each write of a status."""

    failed: bool = False

    async def apply_status(self, *arguments: Any) -> dict[str, Any]:
        self.failed = not self.failed
        if self.failed:
            raise ApiError(500, "spoilt")
        return await super().apply_status(*arguments)
