"""One saga, searched through: nothing promised is broken, and no wiped network leaves an order
without an end.
"""

from dataclasses import replace

import pytest

from model.expected import TABLE
from model.folded import through_fold
from model.rules import PARTICIPANTS
from model.saga import World
from model.search import explore

BASELINE = {row.mode: row for row in TABLE if row.variant == "production"}
MODES = ("choreo", "orch")


@pytest.mark.parametrize("mode", MODES)
def test_the_fold_of_a_batch_is_the_same_participant(mode: str) -> None:
    folded = tuple((name, through_fold) for name in PARTICIPANTS)

    found = explore(World(mode, strangers=folded))

    assert (found.states, found.databases) == (BASELINE[mode].states, BASELINE[mode].databases)
    assert not found.violations
    assert found.stuck == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_stray_undo_is_fenced(mode: str) -> None:
    found = explore(World(mode, stray_undo=True))

    assert not found.violations
    assert found.stuck == 0
    print(f"{mode}, stray undo: {found.states} states")


@pytest.mark.parametrize("mode", MODES)
def test_two_failed_attempts_park_and_a_retry_ends_it(mode: str) -> None:
    found = explore(World(mode, attempts_max=2, attempts_remembered=True, stray_undo=True))

    assert found.states > BASELINE[mode].states
    assert not found.violations
    assert found.stuck == 0
    print(f"{mode}, attempts capped at two: {found.states} states")


@pytest.mark.parametrize("mode", MODES)
def test_what_is_parked_waits_for_a_person(mode: str) -> None:
    """Vacuity: parking was reached, and nothing but the retry leads out of it."""
    found = explore(World(mode, attempts_max=2, attempts_remembered=True, retried=False))

    assert not found.violations
    assert found.stuck


def test_a_cancel_that_has_to_travel_breaks_nothing() -> None:
    """The orchestrator knows of a cancel only from the place-order that carries it."""
    found = explore(World("orch", cancel_travels=True))

    assert found.states > BASELINE["orch"].states
    assert not found.violations
    assert found.stuck == 0
    print(f"orch, cancel travels: {found.states} states")


@pytest.mark.parametrize("mode", MODES)
def test_only_a_network_that_delivers_twice_needs_the_memory(mode: str) -> None:
    """Vacuity: without duplicates the search is much smaller, so duplicates were really
    searched.
    """
    world = World(mode, duplicates=False, said_again=frozenset())

    assert explore(world).databases < BASELINE[mode].databases or mode == "choreo"
    assert explore(replace(world, cancel=False)).violations == {}
