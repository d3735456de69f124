"""What an operator may set of inventory; what the kit knows (Kafka, mode, faults) is inherited."""

from pydantic import AliasChoices, Field

from inventory.domain import STEP, UNDO_STEP
from sagakit.core.chance import Odds
from sagakit.shell.settings import KitSettings, Share


class InventorySettings(KitSettings):
    """Each field is read from the environment variable of its name, in capitals."""

    fail_rate: Share = Field(
        default=0.0,
        validation_alias=AliasChoices("INVENTORY_FAIL_RATE", "FAIL_RATE", "fail_rate"),
        description="share of reservations refused, 0..1; INVENTORY_FAIL_RATE, else FAIL_RATE",
    )
    release_fail_rate: Share = Field(
        default=0.0, description="share of attempts at a release that fail, 0..1"
    )

    def odds(self) -> Odds:
        """How unlucky inventory is."""
        return Odds(
            step=STEP,
            undo_step=UNDO_STEP,
            seed=self.fault_seed,
            fail_rate=self.fail_rate,
            undo_fail_rate=self.release_fail_rate,
            faults_enabled=self.faults_enabled,
        )
