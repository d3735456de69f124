"""A short slice of the long proof, with a floor under each kind of fault that it must show."""

from pathlib import Path
from typing import Final

import pytest

from brewsaga.stack import Stack
from e2e.faults import long
from e2e.world import count_from_environment

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SECONDS: Final = float(count_from_environment("SIEGE_SECONDS", 90))
SEED: Final = count_from_environment("SIEGE_SEED", 1)
ORDERS_MIN: Final = 100
FLOORS: Final = {"kills of a service": 10, "kills of Postgres": 1, "kills of a broker": 1}


@pytest.mark.parametrize("wipes", [0, 1])
async def test_every_order_ends_whatever_fails(stack: Stack, tmp_path: Path, wipes: int) -> None:
    outcome = await long.run(stack, tmp_path, long.Slice(SECONDS, SEED, wipes))
    print(outcome.done, outcome.orders, outcome.late(), outcome.report.summary())
    assert not outcome.died_by_themselves, "\n".join(outcome.died_by_themselves)
    assert not outcome.violations, "\n".join(outcome.report.text())
    assert outcome.kept
    assert all(outcome.done.get(what, 0) >= floor for what, floor in FLOORS.items())
    assert min(outcome.orders.values()) >= ORDERS_MIN
    assert sum(count for what, count in outcome.done.items() if what.startswith("wipes")) == wipes
