"""The incident drill: refunds are down, sagas park in both modes, and one command clears them.

The small form runs with all tests; the long one, of a thousand sagas a mode, by `make drill`.
"""

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from brewsaga.repair_client import SERVICES_BY_VERB
from brewsaga.stack import Stack
from e2e.world import World, until, world
from saga.contract import DATABASES, Mode
from sagakit.core.repair import Verb

ROOT: Final = Path(__file__).resolve().parents[2]
CLEARED_SECONDS: Final = 60.0
ATTEMPTS_MAX: Final = 3
REPEATED_MAX: Final = 5
SHOWN: Final = 5
"""Of thousands of sagas that differ, so many are shown."""

IMPATIENT: Final = {
    "RESAY_AFTER_SECONDS": "0.5",
    "RESAY_MAX_SECONDS": "1",
    "PARK_AFTER_ATTEMPTS": str(ATTEMPTS_MAX),
    "OUTBOX_KEEP": "true",
}
DOWN: Final = {"REFUND_FAIL_RATE": "1"}
REFUSED: Final = {Mode.CHOREO: "shipment=100", Mode.ORCH: "inventory=100"}
"""In choreography a release comes first, so that both undos are seen; both must refund."""


@dataclass(slots=True)
class Incident:
    """One world in which refunds can be down."""

    here: World
    sagas: dict[Mode, list[str]] = field(default_factory=dict)

    async def refunds(self, *, down: bool) -> None:
        """Restart payment without, or with, the outage."""
        if "payment" in self.here.children:
            self.here.kill(["payment"])
        self.here.extra = {**self.here.extra, **(DOWN if down else {"REFUND_FAIL_RATE": "0"})}
        await self.here.start(["payment"])

    async def happen(self, count: int) -> None:
        """So many sagas a mode are parked, since their refunds failed again and again."""
        await self.refunds(down=True)
        for mode in Mode:
            await self._place(mode, count)

        async def all_parked() -> bool:
            found = await self.parked()
            return all(found[mode] == count for mode in Mode)

        await until(f"{count} sagas a mode are parked", all_parked)
        known = "SELECT count(*) = $1 FROM orders WHERE parked AND status = 'RUNNING'"

        async def order_knows() -> bool:
            return bool((await self.here.rows("order", known, 2 * count))[0][0])

        await until("order knows it of both modes", order_knows)
        await self.refunds(down=False)

    async def _place(self, mode: Mode, count: int) -> None:
        uid = f"incident-{mode.value}-{uuid.uuid4().hex[:8]}"
        url = f"{self.here.places['order'].url}/batches/{uid}"
        body = {"mode": mode.value, "orders": count, "faults": REFUSED[mode]}
        async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
            answer = await client.put(url, json=body)
        assert answer.is_success, answer.text
        query = "SELECT saga_id FROM orders WHERE batch_id = $1"

        async def placed() -> list[Any] | None:
            rows = await self.here.rows("order", query, uid)
            return rows if len(rows) == count else None

        self.sagas[mode] = [row["saga_id"] for row in await until("all are placed", placed)]

    async def parked(self) -> dict[Mode, int]:
        """How many are parked, by who parks them."""
        choreo = "SELECT count(*) FROM payments WHERE outcome = 'OWED' AND parked"
        orch = "SELECT count(*) FROM saga_state WHERE parked_at IS NOT NULL"
        return {
            Mode.CHOREO: (await self.here.rows("payment", choreo))[0][0],
            Mode.ORCH: (await self.here.rows("orchestrator", orch))[0][0],
        }

    async def ended(self) -> int:
        """How many of them have ended, as order knows it."""
        every = [saga_id for sagas in self.sagas.values() for saga_id in sagas]
        query = "SELECT count(*) FROM orders WHERE saga_id = ANY($1) AND status <> 'RUNNING'"
        count: int = (await self.here.rows("order", query, every))[0][0]
        return count

    def every(self) -> list[str]:
        return [saga_id for mode in Mode for saga_id in self.sagas[mode]]


async def typed(here: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of the command line, in a process of its own."""
    urls = {f"{name.upper()}_URL": place.url for name, place in here.places.items()}
    given = {**os.environ, "PYTHONPATH": str(ROOT / "services"), **urls}
    command = [sys.executable, "-m", "brewsaga", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, env=given, capture_output=True, text=True, check=False, timeout=120
    )


async def trail(here: World, repair_id: str | None = None) -> list[dict[str, Any]]:
    """Every row of every service's trail."""
    query = "SELECT * FROM repairs WHERE $1::uuid IS NULL OR repair_id = $1::uuid"
    return [dict(row) for s in DATABASES for row in await here.rows(s, query, repair_id)]


def repair_of(output: str) -> str:
    """The id that the command prints last; none where it found nothing to do."""
    lines = [line for line in output.splitlines() if line.startswith("repair ")]
    return lines[0].split()[1].rstrip(";") if lines else ""


async def check_dry(incident: Incident, count: int) -> None:
    """A dry run tells of all, and changes nothing."""
    before = await incident.parked()
    remembered = len(await trail(incident.here))
    dry = await typed(incident.here, "retry", "--state", "parked", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert f"retry payment choreography: {count} would be changed" in dry.stdout
    assert f"retry orchestrator orchestration: {count} would be changed" in dry.stdout
    assert await incident.parked() == before
    assert len(await trail(incident.here)) == remembered


async def check_trail(incident: Incident, repair_ids: list[str], why: str) -> None:
    """Each saga was repaired once: by whom, why, from what to what."""
    rows = [row for one in repair_ids for row in await trail(incident.here, one)]
    repaired, parked = Counter(row["subject"] for row in rows), Counter(incident.every())
    assert not sorted((repaired - parked).items())[:SHOWN], "repaired more than once, or not ours"
    assert not sorted((parked - repaired).items())[:SHOWN], "not in the trail"
    assert {row["mode"] for row in rows} == {mode.value for mode in Mode}
    for row in rows:
        assert (row["verb"], row["who"], row["why"]) == ("retry", "ada", why)
        assert '"parked": true' in row["before"]
        assert '"parked": false' in row["after"]


async def check_refunded_once(incident: Incident) -> None:
    """Two entries a charge and two a refund, and all end compensated; then the whole audit."""
    every = incident.every()
    query = "SELECT saga_id, kind FROM ledger WHERE saga_id = ANY($1)"
    entries = Counter(tuple(row) for row in await incident.here.rows("payment", query, every))
    wanted = Counter({(one, kind): 2 for one in every for kind in ("charge", "refund")})
    assert not sorted((entries - wanted).items())[:SHOWN], "moved twice"
    assert not sorted((wanted - entries).items())[:SHOWN], "not moved"
    query = "SELECT outcome FROM orders WHERE saga_id = ANY($1)"
    ends = Counter(row[0] for row in await incident.here.rows("order", query, every))
    assert ends == {"compensated": len(every)}
    await until("every outbox is empty", incident.here.outboxes_empty)
    report = await incident.here.audit()
    print(report.summary())
    assert report.quiet
    assert not report.violations, "\n".join(report.text())


async def drill(stack: Stack, logs: Path, count: int, a_second: int) -> None:
    """The incident, twice: once as planned, once with the orchestrator killed half-way."""
    async with world(stack, logs, RESAY_RATE_PER_SECOND=str(a_second), **IMPATIENT) as here:
        incident = Incident(here)
        await incident.happen(count)
        await check_dry(incident, count)
        began = time.monotonic()
        repaired = await typed(
            here, "retry", "--state", "parked", "--who", "ada", "--why", "refunds are back"
        )
        assert repaired.returncode == 0, repaired.stderr
        said = time.monotonic() - began
        await until("all have ended", lambda: _all(incident))
        took = time.monotonic() - began
        print(f"{2 * count} parked sagas: retry took {said:.1f} s, all ended after {took:.1f} s")
        assert took <= CLEARED_SECONDS
        await check_trail(incident, [repair_of(repaired.stdout)], "refunds are back")
        await check_refunded_once(incident)

        await incident.happen(count)
        await killed_half_way(incident, count)


async def killed_half_way(incident: Incident, count: int) -> None:
    """The orchestrator is away when the command comes, and dies when half of its sagas ended."""
    here, why = incident.here, "refunds are back again"
    words = ("retry", "--state", "parked", "--who", "ada", "--why", why)
    here.kill(["orchestrator"])
    first = await typed(here, *words)
    assert first.returncode == 1
    assert "orchestrator at" in first.stderr
    assert "the same again" in first.stderr
    assert f"retry payment choreography: {count} changed" in first.stdout
    await here.start(["orchestrator"])
    began = time.monotonic()
    again = asyncio.create_task(typed(here, *words))

    async def half_way() -> bool:
        found = await here.by_saga("orchestrator", "saga_state", incident.sagas[Mode.ORCH])
        return sum(row["status"] != "RUNNING" for row in found.values()) >= count // 2

    await until("half of the orchestrated ones have ended", half_way)
    here.kill(["orchestrator"])
    left = (await incident.parked())[Mode.ORCH], 2 * count - await incident.ended()
    await here.start(["orchestrator"])
    done = [first, await again]
    while done[-1].returncode:
        done.append(await typed(here, *words))
        assert len(done) <= REPEATED_MAX, done[-1].stderr
    await until("all have ended", lambda: _all(incident))
    took = time.monotonic() - began
    print(f"killed with {left[0]} parked, {left[1]} open: all ended after {took:.1f} s")
    assert left[1] > 0, "it was killed too late to show anything"
    assert took <= CLEARED_SECONDS
    repair_ids = [found for one in done if (found := repair_of(one.stdout))]
    await check_trail(incident, repair_ids, why)
    await check_refunded_once(incident)


async def _all(incident: Incident) -> bool:
    return await incident.ended() == len(incident.every())


async def test_the_drill(stack: Stack, tmp_path: Path) -> None:
    await drill(stack, tmp_path, 60, 20)


@pytest.mark.long
async def test_the_drill_with_a_thousand(stack: Stack, tmp_path: Path) -> None:
    await drill(stack, tmp_path, 1_000, 100)


def test_every_verb_is_of_some_service() -> None:
    assert set(SERVICES_BY_VERB) == set(Verb)
