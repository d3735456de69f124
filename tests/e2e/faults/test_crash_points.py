"""A sample of what `make crash-points` does whole: processes die where they were told to."""

from pathlib import Path

import pytest

from brewsaga.stack import Stack
from e2e.faults import cases
from e2e.faults.cases import Drive
from e2e.faults.runner import SETTINGS, Runner
from e2e.world import count_from_environment, world
from saga import contract
from sagakit.shell.crash_points import Point

SAMPLE: int = count_from_environment("CRASH_SAMPLE", 14)
PAIRS: int = count_from_environment("CRASH_PAIRS", 6)
SEED: int = count_from_environment("CRASH_SEED", 1)


@pytest.mark.parametrize("point", Point)
def test_each_point_is_tried(point: Point) -> None:
    tried = {
        d.at.partition("@")[0].partition("#")[0] for t in cases.every_trial() for d in t.deaths
    }
    assert point in tried


def test_each_handlers_every_message_is_tried_at_each_point_of_a_batch() -> None:
    hearing = {(service, topic) for topic in contract.TOPICS for service in topic.heard_by}
    tried = {(one.service, one.topic) for one in cases.passings()}
    assert tried == hearing
    named = {trial.name for trial in cases.every_trial()}
    for (service, topic), point in [(h, p) for h in hearing for p in cases.BATCH]:
        assert f"{service} {topic.name} {point}" in named


async def test_whoever_dies_at_a_point_loses_nothing(stack: Stack, tmp_path: Path) -> None:
    without_outage = [one for one in cases.every_trial() if one.drive is not Drive.RECOVERY]
    chosen = cases.sample(without_outage, SAMPLE, SEED)
    async with world(stack, tmp_path, **SETTINGS) as here:
        verdict = await Runner(here, print).run(chosen)
    print(verdict.summary())
    assert not verdict.not_passed, "\n".join(verdict.not_passed)
    assert verdict.deaths >= len(chosen)
    assert verdict.report.quiet
    assert not verdict.violations, "\n".join(verdict.report.text())


async def test_whoever_dies_again_while_it_recovers_loses_nothing(
    stack: Stack, tmp_path: Path
) -> None:
    """The same message is in hand twice when its process dies."""
    chosen = cases.sample(cases.pairs_within_a_handler(), PAIRS, SEED)
    async with world(stack, tmp_path, **SETTINGS) as here:
        verdict = await Runner(here, print).run(chosen)
    print(verdict.summary())
    assert not verdict.not_passed, "\n".join(verdict.not_passed)
    assert verdict.deaths >= 2 * PAIRS
    assert {trial.mode for trial in chosen} == set(contract.Mode)
    assert verdict.report.quiet
    assert not verdict.violations, "\n".join(verdict.report.text())


def test_the_same_seed_draws_the_same_pairs_and_each_is_of_one_saga() -> None:
    drawn = cases.random_pairs(200, SEED)
    assert drawn == cases.random_pairs(200, SEED) != cases.random_pairs(200, SEED + 1)
    assert {len(pair.services) for pair in drawn} == {1, 2}
    assert {pair.mode for pair in drawn} == set(contract.Mode)
    for pair in drawn:
        assert len(pair.deaths) == 2
        assert all(cases.SAGA in death.at for death in pair.deaths)
