"""Who is struck, and how a fault is put on and taken back: one class a kind of fault.

Putting on and taking back may each be done any number of times. What takes a fault back is a text
that is written into the status before the fault is put on; with it alone, and without any memory,
a later operator (or a person) can do it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import httpx
from pydantic import SecretStr

from brewsaga_operator import duration
from brewsaga_operator.cluster import ApiError, Cluster, core
from brewsaga_operator.experiment import Experiment
from brewsaga_operator.names import CHAOS_ALLOWED, CHAOS_LABEL, NEEDS_LABELS, SERVICE_LABELS
from brewsaga_operator.resources import IN_SERVICE, FaultType, Service
from brewsaga_operator.statuses import TargetState, whole_seconds

FAULT_TIMEOUT_SECONDS: Final = 5.0
CUT: Final = "cut"
"""A label's value that no policy knows."""

Json = dict[str, Any]


class NotNow(Exception):  # noqa: N818 - named for what the caller does: again, later
    """It could not be done now; the text says why."""


class Spot(NamedTuple):
    """One place where the fault strikes, with what takes it back."""

    name: str
    undo: str


class Striker(Protocol):
    """One kind of fault."""

    async def spots(self, experiment: Experiment) -> list[Spot]:
        """Every opted-in place; none is none."""

    async def inject(self, experiment: Experiment, undo: str, until: datetime) -> None:
        """Put the fault on, until then at most. Raises NotNow."""

    async def recover(self, undo: str) -> TargetState:
        """Take it back: Recovered, or Gone where there is nothing left of the place. Raises
        NotNow.
        """


# ---------------------------------------------------------------- pods


@dataclass(frozen=True, slots=True)
class Pods:
    """Finds pods that have opted in."""

    cluster: Cluster
    namespace: str

    def place(self, experiment: Experiment) -> str:
        """The namespace that is struck."""
        return self.namespace or experiment.namespace

    async def running(self, namespace: str, selector: str) -> list[Json]:
        """Pods with these labels and the opt-in, that run."""
        wanted = f"{selector},{CHAOS_LABEL}={CHAOS_ALLOWED}"
        pods = await self.cluster.list(core("pods", namespace), labelSelector=wanted)
        return [
            pod
            for pod in pods
            if pod.get("status", {}).get("phase") == "Running"
            and "deletionTimestamp" not in pod["metadata"]
        ]


def is_ready(pod: Json) -> bool:
    """Whether Kubernetes calls the pod ready."""
    told = pod.get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in told)


def service_selector(service: Service) -> str:
    """The labels of a service's pods."""
    return SERVICE_LABELS.format(service.value)


# ---------------------------------------------------------------- faults inside a service


class InService:
    """The service does it to itself when it is told, and ends it by itself."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        token: SecretStr | None,
        pods: Pods,
        port: int,
        urls: dict[Service, list[str]],
    ) -> None:
        self._http = http
        self._token = token
        self._pods = pods
        self._port = port
        self._urls = urls

    async def spots(self, experiment: Experiment) -> list[Spot]:
        """Each process of the service: the addresses that were set, else its pods."""
        service = experiment.spec.target.service
        fixed = self._urls.get(service)
        if fixed:
            return [self._spot(url, url, experiment) for url in fixed]
        place = self._pods.place(experiment)
        pods = await self._pods.running(place, service_selector(service))
        return [self._spot(pod["metadata"]["name"], self.url(pod), experiment) for pod in pods]

    def url(self, pod: Json) -> str:
        """Where a pod's API is."""
        return f"http://{pod['status']['podIP']}:{self._port}"

    async def cut(self, url: str, experiment: Experiment, until: datetime) -> None:
        """Let the service close its connections. Raises NotNow."""
        body: Json = {"kind": "Cut", "expires_at": whole_seconds(until)}
        await self._ask("PUT", f"{url}/faults/cut-{experiment.uid}", body)

    def _spot(self, name: str, url: str, experiment: Experiment) -> Spot:
        return Spot(name, f"DELETE {url}/faults/sx-{experiment.uid}")

    async def inject(self, experiment: Experiment, undo: str, until: datetime) -> None:
        """Switch it on; the same name again is the same fault."""
        fault = experiment.spec.fault
        body: Json = {
            "kind": fault.type.value,
            "percent": fault.percent,
            "undo": fault.undo,
            "expires_at": whole_seconds(until),
        }
        if fault.delay:
            body["delay_seconds"] = duration.parse(fault.delay).total_seconds()
        await self._ask("PUT", undo.partition(" ")[2], body)

    async def recover(self, undo: str) -> TargetState:
        """Switch it off. A process that is gone took its faults with it."""
        try:
            await self._ask("DELETE", undo.partition(" ")[2], None)
        except NotNow as error:
            if isinstance(error.__cause__, httpx.ConnectError):
                return TargetState.GONE
            raise
        return TargetState.RECOVERED

    async def _ask(self, method: str, url: str, body: Json | None) -> None:
        headers = {}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        try:
            answer = await self._http.request(
                method, url, json=body, headers=headers, timeout=FAULT_TIMEOUT_SECONDS
            )
        except httpx.HTTPError as error:
            raise NotNow(f"{method} {url}: {str(error) or type(error).__name__}") from error
        if not answer.is_success:
            raise NotNow(f"{method} {url}: {answer.status_code} {answer.text[:300]}")


# ---------------------------------------------------------------- kills


class PodKill:
    """Deletes pods at once; what owns them makes them again, and that is awaited."""

    def __init__(self, pods: Pods, selector: str | None = None) -> None:
        """`selector` None: the target service's own pods."""
        self._pods = pods
        self._selector = selector

    async def spots(self, experiment: Experiment) -> list[Spot]:
        """Each pod, with how many must be ready again afterwards."""
        selector = self._selector or service_selector(experiment.spec.target.service)
        place = self._pods.place(experiment)
        pods = await self._pods.running(place, selector)
        needed = sum(is_ready(pod) for pod in pods)
        return [
            Spot(
                pod["metadata"]["name"],
                json.dumps(
                    {
                        "wait": selector,
                        "namespace": place,
                        "ready": needed,
                        "killed": pod["metadata"]["uid"],
                    }
                ),
            )
            for pod in pods
        ]

    async def inject(self, experiment: Experiment, undo: str, until: datetime) -> None:
        """Kill the very pod of this uid: one that came after it is left alone."""
        told = json.loads(undo)
        pods = await self._pods.running(told["namespace"], told["wait"])
        for pod in pods:
            if pod["metadata"]["uid"] == told["killed"]:
                path = core("pods", told["namespace"], pod["metadata"]["name"])
                try:
                    await self._pods.cluster.delete(path, told["killed"], grace_seconds=0)
                except ApiError as error:
                    if not (error.is_gone or error.exists):
                        raise NotNow(str(error)) from error

    async def recover(self, undo: str) -> TargetState:
        """Recovered when as many are ready as were before, and the killed one is not among them."""
        told = json.loads(undo)
        pods = await self._pods.running(told["namespace"], told["wait"])
        ready = sum(is_ready(pod) for pod in pods if pod["metadata"]["uid"] != told["killed"])
        if ready < told["ready"]:
            raise NotNow(f"{ready} of {told['ready']} pods are ready again")
        return TargetState.RECOVERED


# ---------------------------------------------------------------- partition


class Partition:
    """Takes a pod's way to Kafka or Postgres, and cuts what is open.

    Policies only add up, so what allows is taken away: the label by which the chart's policies let
    the pod through. Open connections survive that, so the service is told to close its own. That it
    took effect is seen: the pod is no longer ready.
    """

    def __init__(self, pods: Pods, in_service: InService) -> None:
        self._pods = pods
        self._in_service = in_service

    async def spots(self, experiment: Experiment) -> list[Spot]:
        """Each pod of the service, with the labels that give it its way back."""
        place = self._pods.place(experiment)
        selector = service_selector(experiment.spec.target.service)
        peer = experiment.spec.fault.peer
        wanted = [peer.value] if peer else list(NEEDS_LABELS)
        found = []
        for pod in await self._pods.running(place, selector):
            meta = pod["metadata"]
            labels = {NEEDS_LABELS[one]: meta["labels"].get(NEEDS_LABELS[one]) for one in wanted}
            told = {"namespace": place, "pod": meta["name"], "uid": meta["uid"], "labels": labels}
            told["url"] = self._in_service.url(pod)
            found.append(Spot(meta["name"], json.dumps(told)))
        return found

    async def inject(self, experiment: Experiment, undo: str, until: datetime) -> None:
        """Take the labels, cut, and see that the pod is not ready any more."""
        told = json.loads(undo)
        await self._label(told, dict.fromkeys(told["labels"], CUT))
        path = core("pods", told["namespace"], told["pod"])
        if is_ready(await self._pods.cluster.get(path)):
            await self._in_service.cut(told["url"], experiment, until)
            raise NotNow("the pod is still ready: the partition has not taken effect yet")

    async def recover(self, undo: str) -> TargetState:
        """Give the labels back. A pod that is gone needs none: a new one is born with them."""
        told = json.loads(undo)
        try:
            await self._label(told, told["labels"])
        except NotNow as error:
            cause = error.__cause__
            if isinstance(cause, ApiError) and (cause.is_gone or cause.exists):
                return TargetState.GONE
            raise
        return TargetState.RECOVERED

    async def _label(self, told: Json, labels: Mapping[str, str | None]) -> None:
        """On the very pod of this uid."""
        path = core("pods", told["namespace"], told["pod"])
        body = {"metadata": {"uid": told["uid"], "labels": dict(labels)}}
        try:
            await self._pods.cluster.merge(path, body)
        except ApiError as error:
            raise NotNow(str(error)) from error


@dataclass(frozen=True, slots=True)
class Strikers:
    """Which class does which fault."""

    in_service: InService
    pod_kill: PodKill
    broker_kill: PodKill
    database_kill: PodKill
    partition: Partition

    def of(self, fault: FaultType) -> Striker:
        """The one for this fault."""
        if fault in IN_SERVICE:
            return self.in_service
        known: dict[FaultType, Striker] = {
            FaultType.POD_KILL: self.pod_kill,
            FaultType.BROKER_KILL: self.broker_kill,
            FaultType.DATABASE_KILL: self.database_kill,
            FaultType.PARTITION: self.partition,
        }
        return known[fault]


def chosen(spots: Sequence[Spot], names: Sequence[str]) -> list[Spot]:
    """The spots of these names, in their order."""
    by_name = {spot.name: spot for spot in spots}
    return [by_name[name] for name in names]
