"""What is released stays as it is: each version, and what came of its recorded runs."""

from dataclasses import replace

import pytest

from histories.replay import RELEASED, Recording, digest, recordings, released, replay
from orchestrator.brew import BREW, FLOWS, NEWEST, VERSIONS
from orchestrator.domain import Effect
from sagakit.core.steps import Step, compile_steps

ALL = [one for version in VERSIONS for one in recordings(version)]


def test_a_released_definition_is_never_changed() -> None:
    """A changed one is a new version, beside the old one: see docs/upgrades.md."""
    carried = {version: digest(steps, FLOWS[version]) for version, steps in VERSIONS.items()}
    for version, found in released().items():
        assert version in carried, f"version {version} was released; sagas may be open on it"
        assert carried[version] == found, f"version {version} was changed: make it a new version"
    assert carried == released(), f"a new version: add its digest to {RELEASED.name}: {carried}"


def test_the_newest_version_is_the_one_that_is_drawn_and_checked() -> None:
    assert VERSIONS[NEWEST] == BREW


@pytest.mark.parametrize(
    "changed",
    [
        (*BREW, Step("notify", action="SEND")),
        BREW[:-1],
        (BREW[1], BREW[0], BREW[2]),
        (replace(BREW[0], compensation=None), *BREW[1:]),
    ],
)
def test_any_change_of_a_definition_changes_its_digest(changed: tuple[Step, ...]) -> None:
    assert digest(changed, compile_steps(changed)) != digest(BREW, FLOWS[NEWEST])


@pytest.mark.parametrize("recording", ALL, ids=lambda one: f"v{one.flow_version} {one.story}")
def test_a_recorded_run_comes_to_the_same(recording: Recording) -> None:
    replayed = replay(recording)
    assert replayed.history == recording.history
    assert replayed.state == recording.state
    assert replayed.commands == recording.commands
    assert replayed.dead == recording.dead


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recordings_of_a_version_pass_every_transition_of_it(version: int) -> None:
    flow, found = FLOWS[version], recordings(version)
    assert {one.flow_version for one in found} == {version}
    passed = {(entry["source"], entry["target"]) for one in found for entry in one.history}
    moves = {(source, target) for (source, _, _), target in flow.table.items()}
    missing = (moves | {("", flow.first), ("", "DONE/FAILED")}) - passed
    assert not missing, f"no recording of version {version} passes {sorted(missing)}"
    effects = {effect for one in found for effect in replay(one).effects}
    assert effects == set(Effect) - {Effect.NO_DEFINITION}
    assert any(one.state["parked"] for one in found)
    assert any(one.dead for one in found)
