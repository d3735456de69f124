"""What an operator may set of the orchestrator: the kit's settings, less one mode, and the flow."""

from pydantic import field_validator

from orchestrator.brew import NEWEST, VERSIONS
from orchestrator.domain import Policy
from sagakit.shell.settings import KitSettings


class OrchestratorSettings(KitSettings):
    """Each field is read from the environment variable of its name, in capitals."""

    flow_version: int = NEWEST
    """The version that new sagas begin on: an earlier one takes a new one back. Sagas in flight end
    on theirs, whatever this says."""

    @field_validator("mode")
    @classmethod
    def _refuse_choreography(cls, value: str) -> str:
        """In a choreography nobody knows the order of the steps, so there is nothing to serve."""
        if value == "choreo":
            message = "mode is 'choreo'; the orchestrator serves orch alone: set MODE=orch or both"
            raise ValueError(message)
        return value

    @field_validator("flow_version")
    @classmethod
    def _refuse_what_is_not_carried(cls, value: int) -> int:
        if value not in VERSIONS:
            carried = ", ".join(map(str, sorted(VERSIONS)))
            message = (
                f"flow_version is {value}; this image carries {carried}: set FLOW_VERSION to one"
            )
            raise ValueError(message)
        return value

    def policy(self) -> Policy:
        """The limits, as the domain wants them."""
        return Policy(self.resay_after_seconds, self.park_after_attempts, self.flow_version)
