"""Fail is seen: with a planted bug in a service the same experiment names what is broken."""

import sys
from pathlib import Path

import pytest

from brewsaga.processes import Child
from brewsaga.services_runner import Backing, environment, wait_ready
from cluster.operator.kubectl import condition, finished
from cluster.operator.setting import Setting

pytestmark = pytest.mark.cluster

FORGETFUL = Path(__file__).with_name("forgetful_payment.py")
LOAD = [{"mode": "Choreography", "orders": 20}, {"mode": "Orchestration", "orders": 20}]


async def test_a_bug_in_a_service_fails_and_names_the_invariant_and_the_saga(
    operated: Setting,
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
    try:
        await wait_ready([child], world.places)
        spec = {
            "target": {"service": "shipment"},
            "fault": {"type": "FailRate", "percent": 100},
            "duration": "8s",
            "load": LOAD,
        }
        await operated.place.make("SagaExperiment", "bug", spec)
        status = await operated.place.until("sx", "bug", finished, seconds=120)
    finally:
        world.kill(["payment"])
        await world.start(["payment"])
    print(f"bug: {status['verdict']}: {status['message']}")
    assert status["verdict"] == "Fail"
    assert "invariant" in status["message"]
    assert "saga" in status["message"]
    assert status["probes"][0]["firstFailureAfter"]
    assert condition(status, "AllRecovered")[0] == "True"
    assert condition(status, "SteadyStateAfter")[0] == "False"
