"""An API server that answers 409, 410, 500 and slowly: the operator converges all the same."""

import asyncio
import itertools
import os
import time
from collections import Counter

import pytest

from cluster.operator.kubectl import WAIT_SECONDS, finished
from cluster.operator.proxy import proxy
from cluster.operator.setting import Setting
from e2e.world import count_from_environment

pytestmark = pytest.mark.cluster

ORDERS = 10
SPOILT_EVERY = 3
"""Of three requests that write, one is spoilt."""
GONE_UNTIL = 8
"""So many lists and watches of a kind are answered before all is well."""


@pytest.mark.parametrize("status", [409, 410, 500])
async def test_a_server_that_refuses_now_and_then(here: Setting, status: int) -> None:
    numbers = itertools.count(1)

    def spoil(method: str, path: str) -> int | None:
        ours = "brewsaga.dev" in path or "/events" in path
        writes = method != "GET" and ours
        return status if writes and next(numbers) % SPOILT_EVERY else None

    async with proxy(os.environ["KUBECONFIG"]) as between:
        between.spoil = spoil
        await here.start(KUBECONFIG=between.kubeconfig(here.folder))
        for turn in range(count_from_environment("OPERATOR_CRASHES", 3)):
            name = f"bad-{status}-{turn}"
            await here.place.make("BrewSaga", name, {"mode": "Choreography", "orders": ORDERS})
            told = await here.place.until("brew", name, finished, seconds=90)
            assert told["phase"] == "Completed"
            assert told["counts"]["completed"] == ORDERS
            assert len(await here.orders_of(name)) == ORDERS
        here.kill()
        assert between.spoilt[status] > 0


async def test_a_watch_that_is_gone_is_begun_anew(here: Setting) -> None:
    """410 to every second list and watch of a kind, for a while: kopf lists again, or hangs, and is
    then started again by whoever asks whether it lives.
    """
    asked = Counter[str]()

    def spoil(method: str, path: str) -> int | None:
        kind = path.rpartition("/")[2]
        if method != "GET" or kind not in {"brewsagas", "sagaexperiments"}:
            return None
        asked[kind] += 1
        return 410 if asked[kind] % 2 == 0 and asked[kind] <= GONE_UNTIL else None

    async with proxy(os.environ["KUBECONFIG"]) as between:
        between.spoil = spoil
        given = {"KUBECONFIG": between.kubeconfig(here.folder)}
        await here.start(**given)
        await here.place.make("BrewSaga", "gone-watch", {"mode": "Orchestration"})
        deadline = time.monotonic() + WAIT_SECONDS * 2
        while not finished(told := await here.place.status("brew", "gone-watch")):
            assert time.monotonic() < deadline, told
            if not await here.lives():
                print("the operator says that its watches are dead: started again")
                here.kill()
                await here.start(**given)
            await asyncio.sleep(0.5)
        here.kill()
        assert told["phase"] == "Completed"
        assert between.spoilt[410] >= GONE_UNTIL // 2


async def test_a_slow_server(here: Setting) -> None:
    async with proxy(os.environ["KUBECONFIG"]) as between:
        between.delay_seconds = 1.0
        await here.start(KUBECONFIG=between.kubeconfig(here.folder))
        await here.place.make("BrewSaga", "slow", {"mode": "Choreography", "orders": ORDERS})
        told = await here.place.until("brew", "slow", finished, seconds=90)
        here.kill()
        assert told["counts"]["completed"] == ORDERS


async def test_a_slow_answer_holds_up_no_deletion(here: Setting) -> None:
    """The watch says that the fault is taken back while its writer still waits for the answer:
    the object goes all the same as soon as the writer has ended.
    """
    pause = {
        "target": {"service": "payment"},
        "fault": {"type": "Pause"},
        "duration": "10m",
        "load": [],
    }
    async with proxy(os.environ["KUBECONFIG"]) as between:
        between.answer_delay_seconds = 3.0
        await here.start(KUBECONFIG=between.kubeconfig(here.folder))
        await here.place.make("SagaExperiment", "held", pause)
        await here.place.until("sx", "held", lambda status: status.get("phase") == "Running")
        await here.place.kubectl("delete", "sx", "held", "--timeout=60s")
        here.kill()
        assert await here.faults_on() == []
