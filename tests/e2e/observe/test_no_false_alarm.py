"""No alert fires while all is well: half an hour at half load, with the rules as they are shipped.

QUIET_MINUTES and QUIET_RATE (orders a second and mode) say for how long and how much.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

import pytest

from alerts.blocks import RULES
from brewsaga.stack import Stack
from e2e.observe.load import under_load
from e2e.observe.watched import watched
from e2e.world import count_from_environment

MINUTES: Final = count_from_environment("QUIET_MINUTES", 30)
RATE: Final = count_from_environment("QUIET_RATE", 100)

pytestmark = [pytest.mark.long, pytest.mark.timeout(MINUTES * 60 + 600)]


async def test_no_alert_fires_while_all_is_well(stack: Stack, tmp_path: Path) -> None:
    given = {"CANARY_EVERY_SECONDS": "20"}
    async with watched(stack, tmp_path, RULES.read_text(), **given) as here:
        asked = 0
        async with under_load(here.world, RATE):
            ends_at = time.monotonic() + MINUTES * 60
            while time.monotonic() < ends_at:
                assert await here.prometheus.firing() == {}
                asked += 1
                await asyncio.sleep(1.0)
        finished = await here.prometheus.series("sum by (mode) (brewsaga_sagas_finished_total)")
        counts = {one["metric"]["mode"]: one["values"][-1][1] for one in finished}
        print(f"{MINUTES} minutes, asked {asked} times: no alert; finished {counts}")
        assert len(counts) == 2
        report = await here.world.audit(topics=False)
        assert not report.violations, report.text()
