"""How soon a status tells what has happened, and how often it is written."""

import json
import os
import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from brewsaga_operator.names import FIELD_MANAGER, GROUP, SAGAS
from cluster.operator.kubectl import finished
from cluster.operator.proxy import proxy
from cluster.operator.setting import Setting

pytestmark = pytest.mark.cluster

FRESH = timedelta(seconds=2)
RESOLUTION = timedelta(seconds=1)
"""The API server tells when a field was written in whole seconds."""
LAST_END = "SELECT max(ended_at) AS last FROM orders WHERE batch_id = $1"
STATUS_WRITTEN = (GROUP, f"{SAGAS}/status", "patch")


async def test_it_is_fresh_and_written_once_a_second_at_most(here: Setting) -> None:
    assert here.world is not None, "ends are rows of the real services: unset OPERATOR_BACKEND"
    async with proxy(os.environ["KUBECONFIG"]) as between:
        await here.start(KUBECONFIG=between.kubeconfig(here.folder))
        began = time.monotonic()
        spec = {"mode": "Choreography", "orders": 80, "ratePerSecond": 10}
        await here.place.make("BrewSaga", "fresh", spec)
        await here.place.until("brew", "fresh", finished)
        seconds = time.monotonic() - began
        here.kill()
        writes = between.asked[STATUS_WRITTEN]
    shown = ("-o", "json", "--show-managed-fields")
    body = json.loads(await here.place.kubectl("get", "brew", "fresh", *shown))
    ends = await here.world.rows("order", LAST_END, body["metadata"]["uid"])
    late = written_at(body) - ends[0]["last"]
    print(f"status: {writes} writes in {seconds:.0f} s; last one {late.total_seconds():.1f} s late")
    assert 5 <= writes <= seconds + 1, "each of eight seconds has something new to tell"
    assert late <= FRESH + RESOLUTION


def written_at(body: dict[str, Any]) -> datetime:
    """When the operator last wrote the status, by the API server's own record."""
    (entry,) = (
        one
        for one in body["metadata"]["managedFields"]
        if one["manager"] == FIELD_MANAGER and one.get("subresource") == "status"
    )
    return datetime.fromisoformat(entry["time"])
