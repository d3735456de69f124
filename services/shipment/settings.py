"""What an operator may set of shipment; what the kit knows (Kafka, mode, faults) is inherited."""

from pydantic import AliasChoices, Field

from sagakit.core.chance import Odds
from sagakit.shell.settings import KitSettings, Share
from shipment.domain import NO_UNDO_STEP, STEP


class ShipmentSettings(KitSettings):
    """Each field is read from the environment variable of its name, in capitals."""

    fail_rate: Share = Field(
        default=0.0,
        validation_alias=AliasChoices("SHIPMENT_FAIL_RATE", "FAIL_RATE", "fail_rate"),
        description="share of shipments refused, 0..1; SHIPMENT_FAIL_RATE goes before FAIL_RATE",
    )

    def odds(self) -> Odds:
        """How unlucky shipment is."""
        return Odds(
            step=STEP,
            undo_step=NO_UNDO_STEP,
            seed=self.fault_seed,
            fail_rate=self.fail_rate,
            faults_enabled=self.faults_enabled,
        )
