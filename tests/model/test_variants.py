"""Every promise is checked by something that could fail: each planted bug is found, with the counts
of the model.
"""

import pytest

from model.expected import TABLE, Expected
from model.search import explore
from model.variants import worlds

WORLDS = {mode: worlds(mode) for mode in ("choreo", "orch")}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.mode}: {row.variant}")
def test_the_search_finds_what_the_independent_model_found(row: Expected) -> None:
    world, forgets = WORLDS[row.mode][row.variant]

    found = explore(world, forgets)

    assert (found.states, found.databases) == (row.states, row.databases)
    assert frozenset(found.violations) == row.violations, found.violations
    assert found.stuck == row.stuck


def test_most_variants_break_a_promise() -> None:
    """A table of harmless variants would prove nothing."""
    harmful = {row.variant for row in TABLE if row.violations or row.stuck}
    assert len(harmful) >= 18, sorted(harmful)
