"""Two versions of the flow in one image: each saga goes by the one that it began with."""

from types import MappingProxyType

import pytest

from orchestrator import domain
from orchestrator.brew import BREW, FLOWS, NEWEST, VERSIONS
from orchestrator.domain import Effect, Policy
from orchestrator.settings import OrchestratorSettings
from sagakit.core.steps import Command, Step, compile_steps
from sagakit.shell.settings import Misconfigured, read
from unit.orchestrator.stories import AUTHORIZE, RESERVE, SCHEDULE, Story, ok, place

NEXT = NEWEST + 1
NOTIFY = Command("notify", "SEND")
WAY = (place(), ok(AUTHORIZE), ok(RESERVE), ok(SCHEDULE))


@pytest.fixture
def two_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    longer = compile_steps((*BREW, Step("notify", action="SEND")))
    monkeypatch.setattr(domain, "FLOWS", MappingProxyType({**FLOWS, NEXT: longer}))


def test_new_sagas_begin_on_the_version_that_is_set(two_versions: None) -> None:
    old, new = Story(Policy(flow_version=NEWEST)), Story(Policy(flow_version=NEXT))
    assert old.hear(*WAY).row.state == "DONE/SUCCESS"
    assert new.hear(*WAY).row.state == "AWAITING_NOTIFY"
    assert new.said[-1] == NOTIFY
    assert new.hear(ok(NOTIFY)).row.state == "DONE/SUCCESS"
    for story, version in ((old, NEWEST), (new, NEXT)):
        entries = [decision.entry for decision in story.decisions]
        assert {entry.flow_version for entry in entries if entry} == {version}


def test_a_saga_in_flight_ends_on_its_own_version(two_versions: None) -> None:
    story = Story(Policy(flow_version=NEXT)).hear(*WAY[:2])
    story.policy = Policy(flow_version=NEWEST)
    assert story.hear(*WAY[2:]).row.state == "AWAITING_NOTIFY"
    assert story.row.flow_version == NEXT

    story = Story(Policy(flow_version=NEWEST)).hear(*WAY[:2])
    story.policy = Policy(flow_version=NEXT)
    assert story.hear(*WAY[2:]).row.state == "DONE/SUCCESS"


def test_a_saga_whose_definition_is_not_carried_stays_as_it_is() -> None:
    story = Story().hear(*WAY[:2])
    foreign = story.row._replace(flow_version=NEXT)
    for heard in (place(), place(cancel=True), ok(RESERVE)):
        story.saga = foreign
        story.hear(heard)
        assert story.saga is foreign
        assert story.last.effect is Effect.NO_DEFINITION
        assert (story.last.entry, story.last.say) == (None, None)


def test_a_version_that_is_not_carried_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOW_VERSION", str(NEXT))
    with pytest.raises(Misconfigured, match=f"this image carries {min(VERSIONS)}"):
        read(OrchestratorSettings)
    monkeypatch.setenv("FLOW_VERSION", "1")
    assert read(OrchestratorSettings).policy().flow_version == 1
