"""Fail is seen: with a planted bug in a service the same experiment names what is broken."""

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from brewsaga.processes import Child
from brewsaga.services_runner import Backing, environment, wait_ready
from brewsaga.stack import Stack
from cluster.fault_rows import note, row_of
from cluster.operator.kubectl import condition, finished
from cluster.operator.setting import Setting, setting

pytestmark = pytest.mark.cluster

FORGETFUL = Path(__file__).with_name("forgetful_payment.py")
ORDERS = 20


@pytest.fixture
async def operated(stack: Stack | None, tmp_path: Path) -> AsyncIterator[Setting]:
    """A world of its own for each mode: what is broken here stays broken, and no experiment begins
    where a promise is broken before it.
    """
    async with setting(stack, tmp_path) as made:
        await made.start()
        yield made


@pytest.mark.parametrize("mode", ["Choreography", "Orchestration"])
async def test_a_bug_in_a_service_fails_and_names_the_invariant_and_the_saga(
    operated: Setting, mode: str
) -> None:
    """The planted bug: payment says that it has refunded, and moves no money."""
    world = operated.world
    assert world is not None, "a bug needs the real services: unset OPERATOR_BACKEND"
    world.kill(["payment"])
    backing = Backing(world.bootstrap, world.urls)
    given = environment("payment", backing, world.places, world.extra)
    log = world.logs / "forgetful.log"
    child = Child.start("payment", [sys.executable, str(FORGETFUL)], given, log)
    world.children["payment"] = child
    await wait_ready([child], world.places)
    spec = {
        "target": {"service": "shipment"},
        "fault": {"type": "FailRate", "percent": 100},
        "duration": "8s",
        "load": [{"mode": mode, "orders": ORDERS}],
    }
    await operated.place.make("SagaExperiment", "bug", spec)
    status = await operated.place.until("sx", "bug", finished, seconds=120)
    load = await operated.place.until("brew", "bug-load-0", finished)
    note(replace(row_of(spec, status, mode, load["counts"]), planted=True))
    assert status["verdict"] == "Fail"
    assert "invariant" in status["message"]
    assert "saga" in status["message"]
    assert status["probes"][0]["firstFailureAfter"]
    assert condition(status, "AllRecovered")[0] == "True"
    assert condition(status, "SteadyStateAfter")[0] == "False"
