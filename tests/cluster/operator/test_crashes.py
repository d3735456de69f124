"""An operator that dies at any point: nothing is placed twice, no fault stays on, the status is
right after its return.
"""

import pytest

from brewsaga_operator.crash import EXIT_CODE, Point
from cluster.operator.kubectl import finished
from cluster.operator.setting import Setting
from e2e.world import count_from_environment, until

pytestmark = pytest.mark.cluster

TIMES = count_from_environment("OPERATOR_CRASHES", 3)
MODES = ("Choreography", "Orchestration")
ORDERS = 5
OF_SAGAS = (Point.BATCH_PLACED, Point.EXPERIMENT_MADE)
OF_EXPERIMENTS = (
    Point.UNDO_WRITTEN,
    Point.FAULT_INJECTED,
    Point.FAULT_RECOVERED,
    Point.VERDICT_REACHED,
)
CHAOS = {"target": {"service": "payment"}, "fault": {"type": "Pause"}, "duration": "3s"}


def test_every_point_is_died_at() -> None:
    assert {*OF_SAGAS, *OF_EXPERIMENTS} == set(Point)


@pytest.mark.parametrize("point", OF_SAGAS)
async def test_no_second_order(here: Setting, point: Point) -> None:
    """The modes take turns."""
    chaos = {"chaos": CHAOS} if point is Point.EXPERIMENT_MADE else {}
    for time in range(TIMES):
        name, mode = f"{point}-{time}", MODES[time % len(MODES)]
        await here.start(CRASH_AT=point.value)
        await here.place.make("BrewSaga", name, {"mode": mode, "orders": ORDERS, **chaos})
        assert await here.dies() == EXIT_CODE
        if point is Point.BATCH_PLACED:
            assert "phase" not in await here.place.status("brew", name)
        await here.start()
        status = await here.place.until("brew", name, finished, seconds=90)
        assert status["phase"] == "Completed"
        assert status["counts"]["completed"] == ORDERS
        assert len(await here.orders_of(name)) == ORDERS
        if chaos:
            done = await here.place.until(
                "brew", name, lambda status: status["verdict"] != "Awaited", seconds=90
            )
            assert done["verdict"] == "Pass"
        here.kill()


@pytest.mark.parametrize("point", OF_EXPERIMENTS)
async def test_no_fault_is_left_on_and_the_verdict_is_reached(here: Setting, point: Point) -> None:
    for time in range(TIMES):
        name = f"{point}-{time}"
        await here.start(CRASH_AT=point.value)
        await here.place.make("SagaExperiment", name, CHAOS)
        assert await here.dies() == EXIT_CODE
        left = await here.place.status("sx", name)
        assert all(target["undo"].startswith("DELETE http") for target in left["targets"])
        await here.start()
        status = await here.place.until("sx", name, finished, seconds=90)
        assert status["verdict"] == "Pass", status["message"]
        assert {target["state"] for target in status["targets"]} == {"Recovered"}
        assert await here.faults_on() == []
        here.kill()


async def test_a_fault_ends_by_itself_where_no_operator_comes_back(here: Setting) -> None:
    await here.start(CRASH_AT=Point.FAULT_INJECTED.value)
    await here.place.make("SagaExperiment", "alone", CHAOS | {"duration": "1s"})
    assert await here.dies() == EXIT_CODE
    assert len(await here.faults_on()) == 1

    async def ended() -> bool:
        return not await here.faults_on()

    await until("the fault has ended by itself", ended, 30)
    await here.start()
    await here.place.until("sx", "alone", finished)
    here.kill()


async def test_a_resource_deleted_while_the_operator_is_away_is_gone_at_once(here: Setting) -> None:
    """And its orders still end: they are not the operator's."""
    place = here.place
    await here.start()
    await place.make("BrewSaga", "away", {"mode": "Choreography", "orders": 20, "ratePerSecond": 5})
    await place.until("brew", "away", lambda status: status.get("phase") == "Running")
    uid = (await place.get("brew", "away"))["metadata"]["uid"]
    here.kill()
    await place.kubectl("delete", "brew", "away", "--timeout=5s")

    async def all_ended() -> bool:
        rows = await here.rows_of(uid)
        return len(rows) == 20 and all(row["status"] == "SUCCESS" for row in rows)

    await until("the orders end without it", all_ended, 60)
