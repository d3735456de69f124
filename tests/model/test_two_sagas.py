"""Two sagas on one unit of stock, searched through: the unit is sold once, and both orders come to
their end.
"""

import pytest

from model.pair import explore_pair
from model.saga import World

CONTENDED_MIN = 1_000
"""Fewer pairs in which the shelf was empty would mean that the sagas never met."""


@pytest.mark.parametrize("mode", ["choreo", "orch"])
def test_one_unit_is_sold_once_and_both_sagas_end(mode: str) -> None:
    found = explore_pair(World(mode, attempts_max=2, stray_undo=True))

    assert not found.violations
    assert found.stuck == 0
    assert found.contended >= CONTENDED_MIN
    print(f"{mode}, two sagas, attempts capped at two: {found.states} pairs of states")


def test_an_inventory_that_does_not_look_at_the_shelf_is_found() -> None:
    found = explore_pair(World("choreo", attempts_max=2), blind=True)

    assert "one unit reserved twice" in found.violations
