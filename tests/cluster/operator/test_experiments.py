"""Each fault inside a service once, and each verdict: seen, and seen to need its cause."""

from typing import Any

import pytest

from cluster.operator.kubectl import condition, finished
from cluster.operator.setting import Setting

pytestmark = pytest.mark.cluster

LOAD = [
    {"mode": "Choreography", "orders": 20, "ratePerSecond": 5},
    {"mode": "Orchestration", "orders": 20, "ratePerSecond": 5},
]
FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("payment", {"type": "FailRate", "percent": 50}),
    ("payment", {"type": "FailRate", "percent": 50, "undo": True}),
    ("inventory", {"type": "Delay", "delay": "1s"}),
    ("shipment", {"type": "Pause"}),
    ("inventory", {"type": "Duplicate"}),
    ("payment", {"type": "Poison", "percent": 50}),
]


def chaos(service: str, fault: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"target": {"service": service}, "fault": fault, "duration": "4s", **more}
    return {"load": LOAD, **given}


def named(fault: dict[str, Any]) -> str:
    return str(fault["type"]).lower() + ("-undo" if fault.get("undo") else "")


@pytest.mark.parametrize(("service", "fault"), FAULTS, ids=[named(fault) for _, fault in FAULTS])
async def test_what_is_promised_holds_while_it_is_on(
    operated: Setting, service: str, fault: dict[str, Any]
) -> None:
    name = named(fault)
    await operated.place.make("SagaExperiment", name, chaos(service, fault))
    running = await operated.place.until(
        "sx", name, lambda status: status.get("phase") == "Running"
    )
    assert [one["state"] for one in running["targets"]] == ["Injected"]
    assert [one["kind"] for one in await operated.faults_on()] == [fault["type"]]
    status = await operated.place.until("sx", name, finished, seconds=120)
    print(f"{name}: {status['verdict']}: {status['message']}")
    assert status["verdict"] == "Pass", status
    assert status["probes"][0]["measuredIn"] == ["Baseline", "Running", "Verifying"]
    assert {one["status"] for one in status["conditions"]} == {"True"}
    assert await operated.faults_on() == []
    for number in range(len(LOAD)):
        load = await operated.place.until("brew", f"{name}-load-{number}", finished)
        assert sum(load["counts"].values()) == 20


async def test_without_a_target_it_is_an_error(operated: Setting) -> None:
    await operated.place.make(
        "SagaExperiment", "nobody", {"target": {"service": "order"}, "fault": {"type": "PodKill"}}
    )
    status = await operated.place.until("sx", "nobody", finished)
    assert status["verdict"] == "Error"
    assert "no target" in status["message"]
    assert condition(status, "TargetsSelected") == ("False", "NoTarget")


async def test_a_source_out_of_reach_is_inconclusive(here: Setting) -> None:
    await here.start(PROMETHEUS_URL="http://127.0.0.1:9")
    probe = {"name": "rate", "type": "PromQL", "query": "vector(1)", "min": 1, "errorLimit": 1}
    await here.place.make(
        "SagaExperiment", "blind", chaos("payment", {"type": "Pause"}, probes=[probe])
    )
    status = await here.place.until("sx", "blind", finished)
    here.kill()
    assert status["verdict"] == "Inconclusive"
    assert "rate could not be measured" in status["message"]


async def test_an_abort_recovers_and_says_so(operated: Setting) -> None:
    place = operated.place
    await place.make("SagaExperiment", "abort", chaos("payment", {"type": "Pause"}, duration="10m"))
    await place.until("sx", "abort", lambda status: status.get("phase") == "Running")
    assert len(await operated.faults_on()) == 1
    await place.kubectl("patch", "sx", "abort", "--type=merge", "-p", '{"spec": {"abort": true}}')
    status = await place.until("sx", "abort", finished)
    assert (status["verdict"], await operated.faults_on()) == ("Aborted", [])


async def test_a_deletion_recovers_first(operated: Setting) -> None:
    place = operated.place
    await place.make("SagaExperiment", "gone", chaos("payment", {"type": "Pause"}, duration="10m"))
    await place.until("sx", "gone", lambda status: status.get("phase") == "Running")
    await place.kubectl("delete", "sx", "gone", "--timeout=30s")
    assert await operated.faults_on() == []


async def test_one_at_a_time(operated: Setting) -> None:
    place = operated.place
    for name in ("first", "second"):
        await place.make("SagaExperiment", name, chaos("payment", {"type": "Pause"}, load=[]))
    waiting = await place.until("sx", "second", lambda status: "first" in status.get("message", ""))
    assert waiting["phase"] == "Pending"
    ends = [await place.until("sx", name, finished, seconds=90) for name in ("first", "second")]
    assert [one["verdict"] for one in ends] == ["Pass", "Pass"]
    assert ends[1]["startTime"] >= ends[0]["completionTime"]


async def test_off_by_default(here: Setting) -> None:
    await here.start(CHAOS_ENABLED="false")
    await here.place.make("SagaExperiment", "off", chaos("payment", {"type": "Pause"}))
    status = await here.place.until("sx", "off", finished)
    here.kill()
    assert status["verdict"] == "Error"
    assert "operator.chaos.enabled=true" in status["message"]
    assert await here.faults_on() == []
