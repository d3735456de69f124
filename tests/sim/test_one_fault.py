"""One fault much more often than chance would have it, in each mode: it happened, nothing broke.

What happened is counted by seed; a test in which its fault did not happen is red.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

import pytest

from sim import runner
from sim.world import MODES

SEEDS: Final = 36
SEEN_MIN: Final = SEEDS // 4
"""In so many seeds the fault must have happened."""

CHOREO, ORCH = "choreo", "orch"
EACH: Final = (CHOREO, ORCH)
TWO_OF_EACH: Final = {"second": 1.0, "stop": 0.03, "overlap": 0.8, "latency": 0.8}
"""Both often work on the same messages, and slowly: so one is often frozen in between."""


@pytest.fixture(scope="module")
def apart() -> Iterator[Executor]:
    """A process of its own: the simulator takes the place of asyncio in production modules."""
    with ProcessPoolExecutor(1, get_context("spawn"), runner.start) as pool:
        yield pool


def check(apart: Executor, mode: str, *faults: str, **more: float) -> None:
    """Many seeds of this mode alone: each of the faults happened, orders ended both ways."""
    first, step = MODES.index((mode,)), len(MODES)
    seeds = range(first, first + SEEDS * step, step)
    summed = apart.submit(runner.simulate, seeds, more).result()
    print({what: summed.seen[what] for what in faults}, f"in {SEEDS} seeds")
    assert not summed.violations, summed.violations[0]
    for what in faults:
        assert summed.seen[what] >= SEEN_MIN, what
    assert min(summed.seen["orders SUCCESS"], summed.seen["orders FAILED"]) > 0


@pytest.mark.parametrize("mode", EACH)
def test_the_answer_to_a_commit_is_lost(apart: Executor, mode: str) -> None:
    check(apart, mode, "commit unknown", database_error=0.1)


@pytest.mark.parametrize("mode", EACH)
def test_a_deadlock_ends_a_batch(apart: Executor, mode: str) -> None:
    check(apart, mode, "deadlock", deadlock=0.1)


@pytest.mark.parametrize("mode", EACH)
def test_a_clock_is_off_by_up_to_an_hour(apart: Executor, mode: str) -> None:
    check(apart, mode, "clock off", clock_off=0.9)


@pytest.mark.parametrize("mode", EACH)
def test_a_batch_is_given_to_two_members(apart: Executor, mode: str) -> None:
    check(apart, mode, "rebalance overlap", second=1.0, overlap=0.5)


@pytest.mark.parametrize("mode", EACH)
def test_a_group_hears_again_what_it_heard(apart: Executor, mode: str) -> None:
    check(apart, mode, "rewind", rewind=0.9)


@pytest.mark.parametrize("mode", EACH)
def test_a_frozen_process_wakes_after_its_work_went_to_another(apart: Executor, mode: str) -> None:
    check(apart, mode, "process stopped", "taken over from payment", **TWO_OF_EACH)


def test_two_orchestrators_and_one_is_paused_for_long(apart: Executor) -> None:
    check(apart, ORCH, "process stopped", "taken over from orchestrator", **TWO_OF_EACH)
