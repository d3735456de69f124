"""What the orchestrator may be told, and what it answers where it is told nonsense."""

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.__main__ import describe
from orchestrator.domain import Policy
from orchestrator.settings import OrchestratorSettings


@pytest.mark.parametrize("mode", ["orch", "Orchestration", "both"])
def test_every_form_of_its_one_mode_is_taken(mode: Any) -> None:
    assert describe(OrchestratorSettings(mode=mode)).service == "orchestrator"


def test_choreography_is_refused_with_the_next_step() -> None:
    with pytest.raises(ValidationError, match="set MODE=orch or both"):
        OrchestratorSettings(mode="choreography")  # type: ignore[arg-type]


def test_the_limits_are_the_kits() -> None:
    settings = OrchestratorSettings(resay_after_seconds=30, park_after_attempts=3)
    assert settings.policy() == Policy(say_again_after_seconds=30, park_after_attempts=3)
