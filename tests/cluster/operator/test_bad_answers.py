"""An API server that answers 409, 410, 500 and slowly: the operator converges all the same."""

import itertools
import os

import pytest

from cluster.operator.kubectl import finished
from cluster.operator.proxy import proxy
from cluster.operator.setting import Setting
from e2e.world import count_from_environment

pytestmark = pytest.mark.cluster

ORDERS = 10
SPOILT_EVERY = 3
"""Of three requests that write, one is spoilt."""


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
        for time in range(count_from_environment("OPERATOR_CRASHES", 3)):
            name = f"bad-{status}-{time}"
            await here.place.make("BrewSaga", name, {"mode": "Choreography", "orders": ORDERS})
            told = await here.place.until("brew", name, finished, seconds=90)
            assert told["phase"] == "Completed"
            assert told["counts"]["completed"] == ORDERS
            assert len(await here.orders_of(name)) == ORDERS
        here.kill()
        assert between.spoilt[status] > 0


async def test_a_watch_that_is_gone_is_begun_anew(here: Setting) -> None:
    """410 to every second list and watch: kopf lists again."""
    numbers = itertools.count()

    def spoil(method: str, path: str) -> int | None:
        collection = method == "GET" and path.endswith(("brewsagas", "sagaexperiments"))
        return 410 if collection and next(numbers) % 2 else None

    async with proxy(os.environ["KUBECONFIG"]) as between:
        between.spoil = spoil
        await here.start(KUBECONFIG=between.kubeconfig(here.folder))
        await here.place.make("BrewSaga", "gone-watch", {"mode": "Orchestration"})
        told = await here.place.until("brew", "gone-watch", finished, seconds=90)
        here.kill()
        assert told["phase"] == "Completed"
        assert between.spoilt[410] > 0


async def test_a_slow_server(here: Setting) -> None:
    async with proxy(os.environ["KUBECONFIG"]) as between:
        between.delay_seconds = 1.0
        await here.start(KUBECONFIG=between.kubeconfig(here.folder))
        await here.place.make("BrewSaga", "slow", {"mode": "Choreography", "orders": ORDERS})
        told = await here.place.until("brew", "slow", finished, seconds=90)
        here.kill()
        assert told["counts"]["completed"] == ORDERS
