"""The way of an experiment from phase to phase, in memory: in which order things happen."""

import asyncio
from typing import Any

import pytest

from brewsaga_operator.experiment import Measurement
from unit.brewsaga_operator.experiment_world import Broken, Here

SHORT: dict[str, Any] = {
    "target": {"service": "payment", "mode": "All"},
    "fault": {"type": "Pause"},
    "duration": "0.001s",
    "recoveryDeadline": "0.001s",
}
PHASES = ["Baseline", "Injecting", "Running", "Recovering", "Verifying", "Finished"]


async def test_the_undo_is_written_before_the_fault_is_put_on() -> None:
    here = Here(SHORT, spots_there=["a", "b"])
    status = await here.run()
    assert status["verdict"] == "Pass"
    assert [one for one in here.log if one in PHASES] == PHASES
    for name in ("a", "b"):
        written = here.log.index(f"written {name} NotInjected")
        injected = here.log.index(f"inject {name}")
        noted = here.log.index(f"written {name} Injected")
        recovered = here.log.index(f"recover {name}")
        assert written < injected < noted < recovered < here.log.index(f"written {name} Recovered")
        assert recovered < here.log.index("Verifying")
    assert {one["undo"] for one in status["targets"]} == {"undo a", "undo b"}


async def test_a_server_that_fails_at_every_write_changes_nothing_of_that() -> None:
    here = Broken(SHORT)
    status = await here.run()
    assert status["verdict"] == "Pass"
    assert here.log.index("written pod-1 NotInjected") < here.log.index("inject pod-1")
    assert here.log[-2:] == ["Finished", "create events"]


@pytest.mark.parametrize(
    ("measurements", "verdict", "struck"),
    [
        ([Measurement("0", "saga s-1")], "Error", False),
        ([Measurement(error="away")] * 4, "Inconclusive", False),
        ([Measurement("ok"), Measurement("0", "saga s-1")], "Fail", True),
        ([Measurement("ok"), Measurement("ok"), Measurement("0", "saga s-1")], "Fail", True),
        ([Measurement("ok"), *[Measurement(error="away")] * 9], "Inconclusive", True),
    ],
)
async def test_a_verdict_by_what_was_measured(
    measurements: list[Measurement], verdict: str, struck: bool
) -> None:
    here = Here(SHORT, measurements=measurements)
    status = await here.run()
    assert status["verdict"] == verdict, status["message"]
    assert ("inject pod-1" in here.log) is struck
    assert ("recover pod-1" in here.log) is struck


async def test_no_target_is_an_error_and_nobody_is_struck() -> None:
    here = Here(SHORT, spots_there=[])
    assert (await here.run())["verdict"] == "Error"
    assert "no target" in here.status["message"]
    assert not [one for one in here.log if one.startswith("inject")]


async def test_a_saga_that_stays_open_fails() -> None:
    here = Here(SHORT, open_sagas=["s-9"])
    status = await here.run()
    assert (status["verdict"], "s-9" in status["message"]) == ("Fail", True)


async def test_what_cannot_be_struck_is_taken_back_and_an_error() -> None:
    here = Here(SHORT, unstrikable=True)
    status = await here.run()
    assert status["verdict"] == "Error"
    assert "it does not answer" in status["message"]
    assert "recover pod-1" in here.log


async def test_who_was_struck_is_not_struck_again_while_another_is_awaited() -> None:
    here = Here(SHORT | {"duration": "5s"}, spots_there=["a", "b"], refusals={"b": 2})
    here.measurements = [Measurement("ok"), Measurement("0", "saga s-1")]
    await here.run()
    assert here.log.count("inject a") == 1
    assert here.log.count("inject b") == 1


async def test_a_source_that_never_answers_holds_up_no_deletion() -> None:
    here = Here(SHORT | {"duration": "10m"}, hangs_in="Running")
    await asyncio.wait_for(here.run(), 10)
    assert here.log[-2:] == ["recover pod-1", "written pod-1 Recovered"]


async def test_an_abort_takes_back_first() -> None:
    here = Here(SHORT | {"abort": True})
    here.status = (await Here(SHORT).run()) | {"phase": "Running", "verdict": "Awaited"}
    here.status["targets"][0]["state"] = "Injected"
    status = await here.run()
    assert status["verdict"] == "Aborted"
    assert here.log.index("recover pod-1") < here.log.index("Finished")


@pytest.mark.parametrize("phase", ["Injecting", "Running", "Recovering", "Verifying"])
async def test_an_operator_that_comes_back_goes_on_where_the_status_says(phase: str) -> None:
    """It may find the fault on or off; in the end it is off, and there is a verdict."""
    here = Here(SHORT)
    done = await Here(SHORT).run()
    here.status = done | {"phase": phase, "verdict": "Awaited"}
    here.status.pop("completionTime")
    state = "NotInjected" if phase == "Injecting" else "Injected"
    here.status["targets"][0] |= {"state": state, "injected": phase != "Injecting"}
    status = await here.run()
    assert status["verdict"] == "Pass", status["message"]
    assert ("inject pod-1" in here.log) is (phase == "Injecting")
    assert status["targets"][0]["state"] == "Recovered"


async def test_its_load_is_made_when_the_fault_is_on() -> None:
    here = Here(SHORT | {"load": [{"mode": "Choreography"}, {"mode": "Orchestration"}]})
    await here.run()
    assert here.log.count("create brewsagas") == 2
    assert here.log.index("inject pod-1") < here.log.index("create brewsagas")
