"""A world of real services with a real Prometheus beside it, and what that one answers.

The operator is not there; its place is taken by a process of this test that shows its metrics, by
the register. It must not know a dashboard or an alert.
"""

import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from alerts.prometheus import found
from brewsaga import targets
from brewsaga.prometheus import Watching, prometheus
from brewsaga.stack import Stack
from e2e.world import World, world
from saga import metrics
from sagakit.shell.health import HealthServer
from sagakit.shell.metrics import Metrics

OF_OPERATOR: Final = {metrics.CHAOS_ACTIVE, metrics.CHAOS_FINISHED, metrics.OPERATOR_RECONCILES}
EXPERIMENT: Final = ("couriers", "refuse", "shipment")
STEP_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Prometheus:
    """What one Prometheus answers, by its API."""

    url: str
    began_at: float

    async def series(self, question: str) -> list[dict[str, Any]]:
        """The series of a question that had a number at any time since the beginning."""
        asked = {
            "query": question,
            "start": self.began_at,
            "end": time.time(),
            "step": STEP_SECONDS,
        }
        answer = await self._ask("query_range", asked)
        return [one for one in answer["result"] if any(_is_number(v) for _, v in one["values"])]

    async def firing(self) -> dict[str, list[dict[str, str]]]:
        """The alerts that fire now: their labels, by name."""
        answer = await self._ask("alerts", {})
        fired: dict[str, list[dict[str, str]]] = {}
        for alert in answer["alerts"]:
            if alert["state"] == "firing":
                fired.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return fired

    async def _ask(self, what: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            answer = await client.get(f"{self.url}/api/v1/{what}", params=dict(asked))
        body = answer.json()
        assert body["status"] == "success", f"{asked.get('query')}: {body.get('error')}"
        data: dict[str, Any] = body["data"]
        return data


def _is_number(value: str) -> bool:
    return not math.isnan(float(value))


@dataclass(frozen=True, slots=True)
class Watched:
    """All of it."""

    world: World
    prometheus: Prometheus
    operator: Metrics


@asynccontextmanager
async def watched(stack: Stack, folder: Path, rules: str, **extra: str) -> AsyncIterator[Watched]:
    """Services, the operator's stand-in, and a Prometheus that scrapes them every second."""
    found("prometheus")
    (folder / "rules.yaml").write_text(rules)
    operator = Metrics([one for one in metrics.BUSINESS if one.name in OF_OPERATOR])
    async with world(stack, folder, **extra) as here, _shown(operator) as port:
        ports = {name: place.metrics_port for name, place in here.places.items()}
        targets.write(folder, "world", {**ports, "operator": port})
        watching = Watching(targets.pattern(folder), folder / "rules.yaml", folder, STEP_SECONDS)
        async with prometheus(watching) as url:
            yield Watched(here, Prometheus(url, time.time()), operator)


@asynccontextmanager
async def _shown(operator: Metrics) -> AsyncIterator[int]:
    async def well() -> dict[str, bool]:
        return {"stand-in": True}

    operator.observe(metrics.CHAOS_ACTIVE, EXPERIMENT, 0.0)
    operator.observe(metrics.CHAOS_FINISHED, (EXPERIMENT[1], "Pass"), 1.0)
    operator.observe(metrics.OPERATOR_RECONCILES, ("ok",), 1.0)
    health = HealthServer(operator.registry, well, well, well)
    server = await health.start("127.0.0.1", 0)
    try:
        yield health.port
    finally:
        server.close()
        await server.wait_closed()
