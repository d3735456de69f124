"""A whole world for the operator: our services on this machine, an auditor, and a namespace of a
real API server. The operator is a process of this machine too, so that it can be killed anywhere.
"""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from brewsaga.processes import Child
from brewsaga.stack import Stack
from brewsaga.stack.ports import free_ports
from cluster.operator.kubectl import Place, kubectl
from e2e.world import World, until, world

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "of-the-house-4711"
STRUCK = ("payment", "inventory", "shipment")
READY_SECONDS = 30.0
RELEASE_SECONDS = 180.0
DEFINITIONS = ("crd/brewsagas.brewsaga.dev", "crd/sagaexperiments.brewsaga.dev")


@dataclass
class Setting:
    """Everything of one module's tests. `world` is None where the services are pretended."""

    place: Place
    folder: Path
    order_url: str
    audit_url: str
    service_urls: dict[str, str]
    world: World | None = None
    operators: list[Child] = field(default_factory=list)
    port: int = 0
    """Where the youngest operator answers."""

    async def start(self, **more: str) -> Child:
        """An operator, ready; `more` are settings of its environment."""
        (self.port,) = free_ports(1)
        urls = {service: [url] for service, url in self.service_urls.items()}
        given = {
            **{name: os.environ[name] for name in ("PATH", "KUBECONFIG", "HOME")},
            "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'operator'}",
            "PYTHONUNBUFFERED": "1",
            "ORDER_URL": self.order_url,
            "AUDIT_URL": self.audit_url,
            "SERVICE_URLS": json.dumps(urls),
            "WATCH_NAMESPACES": json.dumps([self.place.namespace]),
            "API_TOKEN_FILE": str(self.folder / "token"),
            "CHAOS_ENABLED": "true",
            "LOG_FORMAT": "text",
            "METRICS_PORT": str(self.port),
            **more,
        }
        command = [sys.executable, "-m", "brewsaga_operator"]
        log = self.folder / f"operator-{len(self.operators)}.log"
        child = Child.start("operator", command, given, log)
        self.operators.append(child)
        if not more.get("CRASH_AT"):
            await until("the operator lives", self.lives, READY_SECONDS)
        return child

    async def lives(self) -> bool:
        """What the kubelet asks before it starts a container again."""
        return await _answers(self.port)

    def kill(self) -> None:
        """Kill -9 whatever operator runs."""
        while self.operators:
            child = self.operators.pop()
            child.process.kill()
            child.process.wait()

    async def dies(self) -> int:
        """Wait until the operator has died by itself; its exit code."""
        child = self.operators.pop()
        return await asyncio.to_thread(child.process.wait, READY_SECONDS)

    async def orders_of(self, name: str) -> list[Any]:
        """The rows of a BrewSaga's orders, in order's own database."""
        uid = (await self.place.get("brew", name))["metadata"]["uid"]
        return await self.rows_of(uid)

    async def rows_of(self, uid: str) -> list[Any]:
        if self.world is not None:
            query = "SELECT saga_id, status, outcome FROM orders WHERE batch_id = $1"
            return await self.world.rows("order", query, uid)
        async with httpx.AsyncClient(trust_env=False) as http:
            found: list[Any] = (await http.get(f"{self.order_url}/rows/{uid}")).json()
            return found

    async def faults_on(self) -> list[Any]:
        """Every fault that is on in a service."""
        async with httpx.AsyncClient(trust_env=False) as http:
            found = []
            for url in self.service_urls.values():
                answer = await http.get(f"{url}/faults")
                found += answer.json()["faults"]
            return found

    def memory_mib(self) -> float:
        """What the youngest operator holds now."""
        resident: int = psutil.Process(self.operators[-1].process.pid).memory_info().rss
        return resident / 2**20


async def _answers(port: int) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        try:
            return (await http.get(f"http://127.0.0.1:{port}/livez")).is_success
        except httpx.HTTPError:
            return False


async def install_crds() -> None:
    """As kubectl does; DEFINITIONS=awaited leaves it to a release that is installed meanwhile."""
    if os.environ.get("DEFINITIONS") == "awaited":
        await until("a release makes the definitions", _are_there, RELEASE_SECONDS)
        return
    command = [sys.executable, "-m", "brewsaga_operator.crd", "-", "--plain"]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'operator'}"},
    )
    written, _ = await process.communicate()
    await kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=written.decode())
    await kubectl("wait", "--for=condition=Established", *DEFINITIONS, "--timeout=30s")


async def _are_there() -> bool:
    found = await kubectl("get", *DEFINITIONS, "--ignore-not-found", "-o", "name")
    return len(found.split()) == len(DEFINITIONS)


@asynccontextmanager
async def setting(stack: Stack | None, folder: Path) -> AsyncIterator[Setting]:
    """Services with chaos allowed, an auditor, a namespace that has opted in; the services are
    pretended where there is no stack.
    """
    (folder / "token").write_text(TOKEN)
    namespace = f"operator-{uuid.uuid4().hex[:8]}"
    await install_crds()
    await kubectl("create", "namespace", namespace)
    await kubectl("label", "namespace", namespace, "brewsaga.dev/chaos=allowed")
    place = Place(namespace)
    opened = _pretended(place, folder) if stack is None else _real(stack, place, folder)
    try:
        async with opened as made:
            yield made
            made.kill()
    finally:
        await _remove(namespace)


@asynccontextmanager
async def _real(stack: Stack, place: Place, folder: Path) -> AsyncIterator[Setting]:
    extra = {"CHAOS_ENABLED": "true", "API_TOKEN_FILE": str(folder / "token")}
    async with world(stack, folder, RESAY_AFTER_SECONDS="1", **extra) as here:
        auditor, url = await _auditor(here, folder)
        urls = {service: here.places[service].url for service in STRUCK}
        try:
            yield Setting(place, folder, here.places["order"].url, url, urls, here)
        finally:
            auditor.process.kill()
            auditor.process.wait()


@asynccontextmanager
async def _pretended(place: Place, folder: Path) -> AsyncIterator[Setting]:
    (port,) = free_ports(1)
    given = {**os.environ, "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "cluster.operator.pretend", str(port)]
    child = Child.start("pretend", command, given, folder / "pretend.log")
    url = f"http://127.0.0.1:{port}"
    try:
        await until("the pretended services answer", lambda: _answers(port), READY_SECONDS)
        yield Setting(place, folder, url, url, {service: f"{url}/{service}" for service in STRUCK})
    finally:
        child.process.kill()
        child.process.wait()


async def _auditor(here: World, folder: Path) -> tuple[Child, str]:
    (port,) = free_ports(1)
    databases = folder / "databases"
    databases.mkdir()
    for service, url in here.urls.items():
        (databases / service).write_text(url)
    command = [sys.executable, "-m", "brewsaga", "auditor", "--databases", str(databases)]
    given = {**os.environ, "PYTHONPATH": str(ROOT / "services")}
    child = Child.start("auditor", [*command, "--port", str(port)], given, folder / "auditor.log")
    return child, f"http://127.0.0.1:{port}"


async def _remove(namespace: str) -> None:
    """Without an operator nobody takes the finalizer of an experiment away: here we do."""
    place = Place(namespace)
    for name in (await place.kubectl("get", "sx", "-o", "name")).split():
        no_finalizers = '{"metadata": {"finalizers": null}}'
        await place.kubectl("patch", name, "--type", "merge", "-p", no_finalizers)
    await kubectl("delete", "namespace", namespace, "--wait=false")
