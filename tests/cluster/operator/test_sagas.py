"""A BrewSaga on a real API server, as a person sees it."""

import asyncio
from typing import Any

import pytest

from cluster.operator.kubectl import condition, finished
from cluster.operator.setting import Setting
from e2e.world import count_from_environment

pytestmark = pytest.mark.cluster

MODES = ("Choreography", "Orchestration")
MEMORY_MIB_MAX = 150


@pytest.mark.parametrize("mode", MODES)
async def test_an_order_is_placed_and_its_columns_tell_the_story(
    operated: Setting, mode: str
) -> None:
    place, name = operated.place, f"story-{mode.lower()}"
    watching = asyncio.create_task(place.kubectl("get", "brew", "--watch", "--request-timeout=8s"))
    await place.make("BrewSaga", name, {"mode": mode, "orders": 6, "ratePerSecond": 3})
    await place.kubectl("wait", "--for=condition=Succeeded", f"brew/{name}", "--timeout=30s")
    await place.kubectl("wait", "--for=jsonpath={.status.phase}=Completed", f"brew/{name}")
    status = await place.status("brew", name)
    assert status["counts"]["completed"] == 6
    assert condition(status, "Succeeded") == ("True", "AllCompleted")
    assert [(one["name"], one["done"]) for one in status["steps"]] == [
        ("payment", 6),
        ("inventory", 6),
        ("shipment", 6),
    ]
    assert all(one["p99Ms"] >= one["p50Ms"] >= 0 for one in status["steps"])
    assert len(await operated.orders_of(name)) == 6
    seen = [line.split() for line in (await watching).splitlines() if line.startswith(name)]
    phases = [line[2] for line in seen if len(line) > 4]
    assert phases[0] == "Running"
    assert phases[-1] == "Completed"
    events = await place.kubectl("get", "events", "-o", "jsonpath={.items[*].reason}")
    assert {"Accepted", "Completed"} <= set(events.split())


@pytest.mark.parametrize("mode", MODES)
async def test_faults_of_its_own_end_it_compensated(operated: Setting, mode: str) -> None:
    name = f"faults-{mode.lower()}"
    spec = {"mode": mode, "orders": 3, "faults": [{"step": "shipment", "failPercent": 100}]}
    await operated.place.make("BrewSaga", name, spec)
    status = await operated.place.until("brew", name, finished)
    assert status["phase"] == "Compensated"
    assert condition(status, "Succeeded") == ("True", "EndedConsistently")
    assert {one["reason"] for one in status["failures"]} == {"no courier capacity"}
    steps = {
        one["name"]: (one["done"], one["refused"], one["compensated"]) for one in status["steps"]
    }
    assert steps == {"payment": (3, 0, 3), "inventory": (3, 0, 3), "shipment": (0, 3, 0)}


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"mode": "Both"}, 'supported values: "Choreography", "Orchestration"'),
        ({"mode": "Choreography", "orders": 0}, "greater than or equal to 1"),
        ({"mode": "Choreography", "orders": 10_001}, "less than or equal to 10000"),
        ({"mode": "Choreography", "colour": "red"}, 'unknown field "spec.colour"'),
        ({"mode": "Choreography", "timeout": "2d"}, "spec.timeout"),
        ({"mode": "Choreography", "timeout": "25h"}, "must be between 1s and 24h"),
        (
            {
                "mode": "Choreography",
                "chaos": {"target": {"service": "payment"}, "fault": {"type": "Delay"}},
            },
            "fault.delay is for Delay, which needs it",
        ),
    ],
)
async def test_what_cannot_be_is_refused_with_a_sentence(
    here: Setting, spec: dict[str, Any], sentence: str
) -> None:
    assert sentence in await here.place.make("BrewSaga", "refused", spec, fails=True)


@pytest.mark.parametrize(
    "change",
    [
        {"orders": 2},
        {"mode": "Orchestration"},
        {"amountCents": 5},
        {"faults": [{"step": "refund"}]},
    ],
)
async def test_what_was_asked_for_cannot_be_changed(here: Setting, change: dict[str, Any]) -> None:
    given = {"mode": "Choreography"}
    await here.place.make("BrewSaga", "fixed", given)
    said = await here.place.make("BrewSaga", "fixed", given | change, fails=True)
    assert f"{next(iter(change))} cannot be changed: make another BrewSaga" in said


async def test_what_the_order_service_refuses_has_failed_and_goes_after_its_time(
    operated: Setting,
) -> None:
    spec = {"mode": "Choreography", "brew": {"drink": "tea"}, "ttlSecondsAfterFinished": 3}
    await operated.place.make("BrewSaga", "tea", spec)
    status = await operated.place.until("brew", "tea", finished)
    assert status["phase"] == "Failed"
    assert condition(status, "Accepted") == ("False", "NotAccepted")
    assert "tea" in status["conditions"][0]["message"]
    await operated.place.kubectl("wait", "--for=delete", "brew/tea", "--timeout=20s")


@pytest.mark.parametrize("mode", MODES)
async def test_a_cancel_ends_it(operated: Setting, mode: str) -> None:
    place, name = operated.place, f"cancel-{mode.lower()}"
    await place.make("BrewSaga", name, {"mode": mode, "orders": 500, "ratePerSecond": 2})
    await place.until("brew", name, lambda status: status.get("phase") == "Running")
    await place.kubectl("patch", "brew", name, "--type=merge", "-p", '{"spec": {"cancel": true}}')
    status = await place.until("brew", name, finished)
    assert status["phase"] == "Cancelled"
    assert condition(status, "Succeeded") == ("False", "Cancelled")
    assert len(await operated.orders_of(name)) < 500
    said = await place.kubectl(
        "patch", "brew", name, "--type=merge", "-p", '{"spec": {"cancel": false}}', fails=True
    )
    assert "cancel cannot be taken back" in said


async def test_many_at_once_have_their_counts_right(operated: Setting) -> None:
    number = count_from_environment("OPERATOR_SAGAS", 10)
    names = [f"many-{index}" for index in range(number)]
    for index, name in enumerate(names):
        faults = [{"step": "shipment", "failPercent": 30}]
        await operated.place.make(
            "BrewSaga", name, {"mode": MODES[index % 2], "orders": 100, "faults": faults}
        )
    for name in names:
        status = await operated.place.until("brew", name, finished, seconds=240)
        rows = await operated.orders_of(name)
        assert len(rows) == 100
        for outcome in ("completed", "compensated", "rejected"):
            counted = sum(row["outcome"] == outcome for row in rows)
            assert status["counts"][outcome] == counted, (name, outcome)
    print(f"operator: {operated.memory_mib():.0f} MiB after {number} BrewSagas of 100 orders")
    assert operated.memory_mib() < MEMORY_MIB_MAX
