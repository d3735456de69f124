"""What an operator may set of the orchestrator: the kit's settings, less one mode."""

from pydantic import field_validator

from orchestrator.domain import Policy
from sagakit.shell.settings import KitSettings


class OrchestratorSettings(KitSettings):
    """Each field is read from the environment variable of its name, in capitals."""

    @field_validator("mode")
    @classmethod
    def _refuse_choreography(cls, value: str) -> str:
        """In a choreography nobody knows the order of the steps, so there is nothing to serve."""
        if value == "choreo":
            message = "mode is 'choreo'; the orchestrator serves orch alone: set MODE=orch or both"
            raise ValueError(message)
        return value

    def policy(self) -> Policy:
        """The limits, as the domain wants them."""
        return Policy(self.resay_after_seconds, self.park_after_attempts)
