"""`make prove` believes a stage only where it says what it has tried."""

import os
import sys

import pytest

from prove import __main__ as prove
from prove.stages import COMPUTED, POINTS, Stage

SAID = "12 trials, 12 deaths seen"
NICEST = 19
COUNTED = r"^([\d,]+) trials, "


def _stage(source: str) -> Stage:
    return Stage("a stage", "trials", COUNTED, (sys.executable, "-c", source))


@pytest.mark.parametrize(
    ("source", "proved"),
    [
        (f"print('{SAID}')", True),
        (f"print('{SAID}'); raise SystemExit(1)", False),
        ("print('nothing was to be tried')", False),
        ("print('0 trials, 0 deaths seen')", False),
    ],
)
def test_a_stage_that_fails_or_tries_nothing_proves_nothing(source: str, *, proved: bool) -> None:
    assert prove.run(_stage(source)).proved is proved


def test_what_waits_runs_beside_what_computes_and_that_steps_back() -> None:
    niceness = _stage("import os; print(f'{1 + os.nice(0)} trials, of a niceness')")
    waits, computes = prove.run_all(niceness, [niceness])[::-1]
    assert waits.count == 1 + os.nice(0)
    assert computes.count == 1 + min(os.nice(0) + prove.STEPS_BACK, NICEST)


def test_what_a_stage_says_in_the_end_is_understood() -> None:
    said = {
        "crash points": "1,257 trials, 264 deaths seen, 0 not seen",
        "tests of the model": "23 passed in 41.02s",
        "bugs": "62 of 62 planted bugs caught in 307 s; seeds to catch one: median 2",
        "seeds": "100,000 seeds, 400,000 orders, 1 deliveries",
    }
    assert {stage.what for stage in (POINTS, *COMPUTED)} == said.keys()
    for stage in (POINTS, *COMPUTED):
        source = f"print({said[stage.what]!r})"
        one = Stage(stage.name, stage.what, stage.counted, (sys.executable, "-c", source))
        assert prove.run(one).count > 1
