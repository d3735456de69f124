"""Where probes are measured: the auditor and Prometheus, over HTTP. Nothing is judged here but by
`experiment`.
"""

import asyncio
from typing import Any, Final

import httpx

from brewsaga_operator.experiment import Measurement, judged
from brewsaga_operator.resources import Probe, ProbeType

AUDIT_TIMEOUT_SECONDS: Final = 30.0
QUERY_TIMEOUT_SECONDS: Final = 5.0
LOOK_AGAIN_SECONDS: Final = 0.5
"""A violation counts if it is still there after this: databases are read one after the other, and
between two of them a saga may have moved."""

Broken = set[tuple[int, str, str]]


class Sources:
    """Asks for each probe; a source that cannot be reached is an error and no failure."""

    def __init__(self, http: httpx.AsyncClient, audit_url: str, prometheus_url: str) -> None:
        self._http = http
        self._audit_url = audit_url.rstrip("/")
        self._prometheus_url = prometheus_url.rstrip("/")

    async def measure(self, probe: Probe) -> Measurement:
        """One look at one probe."""
        try:
            match probe.type:
                case ProbeType.INVARIANT:
                    return await self._invariant(probe.invariant)
                case ProbeType.PROMQL:
                    return await self._promql(probe)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            return Measurement(error=str(error) or type(error).__name__)

    # ------------------------------------------------------------ the audit

    async def _invariant(self, number: int | None) -> Measurement:
        if not self._audit_url:
            return Measurement(error="there is no auditor: set operator.auditor.enabled")
        found = _lines(await self._audit(), number)
        blind = [line["unseen"] for line in found if number is not None and line["unseen"]]
        if not found or blind:
            why = blind[0] if blind else "the audit does not judge it"
            return Measurement(error=f"invariant {number}: {why}")
        broken = _broken(found)
        if broken:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            broken &= _broken(_lines(await self._audit(), number))
        seen = [line for line in found if not line["unseen"]]
        if not broken:
            return Measurement(f"{len(seen)} invariants hold")
        invariant, saga_id, text = min(broken)
        failure = f"invariant {invariant}, saga {saga_id}: {text} ({len(broken)} violations)"
        return Measurement(f"{len(broken)} violations", failure)

    async def _audit(self) -> dict[str, Any]:
        answer = await self._http.get(f"{self._audit_url}/audit", timeout=AUDIT_TIMEOUT_SECONDS)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    # ------------------------------------------------------------ Prometheus

    async def _promql(self, probe: Probe) -> Measurement:
        if not self._prometheus_url:
            return Measurement(error="there is no Prometheus: set operator.prometheusUrl")
        answer = await self._http.get(
            f"{self._prometheus_url}/api/v1/query",
            params={"query": probe.query or ""},
            timeout=QUERY_TIMEOUT_SECONDS,
        )
        body = answer.json()
        if body.get("status") != "success":
            return Measurement(error=f"Prometheus refuses the query: {body.get('error')}")
        data = body["data"]
        if data["resultType"] == "scalar":
            return judged(probe, float(data["result"][1]))
        if len(data["result"]) != 1:
            series = len(data["result"])
            return Measurement(error=f"the query has {series} series; aggregate it to one")
        return judged(probe, float(data["result"][0]["value"][1]))


def _lines(audit: dict[str, Any], number: int | None) -> list[dict[str, Any]]:
    return [one for one in audit["invariants"] if number in (None, one["invariant"])]


def _broken(lines: list[dict[str, Any]]) -> Broken:
    return {
        (line["invariant"], one["saga_id"], one["text"])
        for line in lines
        for one in line["violations"]
    }
