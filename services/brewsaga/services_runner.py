"""Run the services as processes of this machine, for `up`, the demonstration and the tests.

They are given their whole environment here and nowhere else. Knows the services' names and
settings, not their code: each is `python -m NAME`.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from brewsaga.errors import CommandError
from brewsaga.processes import Child, stop
from brewsaga.stack.ports import free_ports, is_free
from saga import contract

READY_SECONDS: Final = 40.0
"""How long all services together may take until they are ready."""

POLL_SECONDS: Final = 0.1
SERVICES_FOLDER: Final = Path(__file__).resolve().parent.parent
PASSED_ON: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "VIRTUAL_ENV",
    "SSL_CERT_FILE",
    "LD_LIBRARY_PATH",
    "PYTHONDONTWRITEBYTECODE",
)
"""What of this process's own environment a service gets; the rest is not its business."""


@dataclass(frozen=True, slots=True)
class Backing:
    """Where Kafka and the databases are.

    `embedded_kafka` is the broker inside the client library.
    """

    bootstrap: str
    database_urls: Mapping[str, str]
    embedded_kafka: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """Where one service listens: its API (or repair verbs) and its health and metrics."""

    http_port: int
    metrics_port: int

    @property
    def url(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def ready_url(self) -> str:
        """Answers 200 once database, consumer groups and producer are there.

        Not /readyz: a service with an API is ready without Kafka, and here we want all of it.
        """
        return f"http://127.0.0.1:{self.metrics_port}/startupz"


def environment(
    service: str, backing: Backing, places: Mapping[str, Places], extra: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment of one service.

    `extra` (MODE, TOPIC_PREFIX, fault rates, …) goes before all.
    """
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    mock = {"KAFKA_GROUP_PROTOCOL": "classic", "KAFKA_FETCH_WAIT_MS": "5"}
    named = {f"{name.upper()}_URL": place.url for name, place in places.items() if name != service}
    return {
        **kept,
        "PYTHONPATH": str(SERVICES_FOLDER),
        "PYTHONUNBUFFERED": "1",
        "KAFKA_BOOTSTRAP_SERVERS": backing.bootstrap,
        "DATABASE_URL": backing.database_urls[service],
        "MODE": "both",
        "HTTP_PORT": str(places[service].http_port),
        "METRICS_PORT": str(places[service].metrics_port),
        **(mock if backing.embedded_kafka else {}),
        **named,
        **extra,
    }


def choose_places(preferred: Mapping[str, int]) -> dict[str, Places]:
    """Ports for each service: the preferred one for its API if it is free, else any free one.

    All are different: of two services on one port the second dies, and the first one's health would
    be taken for its own.
    """
    drawn = iter(free_ports(2 * len(contract.DATABASES)))
    places = {}
    for service in contract.DATABASES:
        http_port, metrics_port = next(drawn), next(drawn)
        wanted = preferred.get(service, 0)
        places[service] = Places(wanted if wanted and is_free(wanted) else http_port, metrics_port)
    return places


@asynccontextmanager
async def services_running(
    backing: Backing,
    logs: Path,
    extra: Mapping[str, str],
    preferred_ports: Mapping[str, int] | None = None,
) -> AsyncIterator[dict[str, Places]]:
    """Start them all, wait until each is ready, yield their places, stop them whatever happens."""
    places = choose_places(preferred_ports or {})
    children: list[Child] = []
    try:
        for service in contract.DATABASES:
            command = [sys.executable, "-m", service]
            given = environment(service, backing, places, extra)
            children.append(Child.start(service, command, given, logs / f"{service}.log"))
        await wait_ready(children, places)
        yield places
    finally:
        await stop(children)


async def wait_ready(children: Iterable[Child], places: Mapping[str, Places]) -> None:
    """Wait for every service's /readyz.

    Raises CommandError where one ends or is not ready in time.
    """
    waiting = {child.name: child for child in children}
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
        while waiting:
            for name, child in list(waiting.items()):
                code = child.ended()
                if code is not None:
                    text = f"{name} ended with code {code} before it was ready:\n{child.log_tail()}"
                    raise CommandError(text, f"read {child.log}")
                if await _is_ready(client, places[name].ready_url):
                    del waiting[name]
            if waiting and asyncio.get_running_loop().time() > deadline:
                name, child = next(iter(waiting.items()))
                text = f"{name} is not ready after {READY_SECONDS:.0f} s:\n{child.log_tail()}"
                raise CommandError(text, f"read {child.log}")
            if waiting:
                await asyncio.sleep(POLL_SECONDS)


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        response = await client.get(url)
    except httpx.TransportError:
        return False
    return response.status_code == httpx.codes.OK
