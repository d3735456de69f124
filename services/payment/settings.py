"""What an operator may set of payment; what the kit knows (Kafka, mode, faults) is inherited."""

from pydantic import AliasChoices, Field

from payment.domain import STEP, UNDO_STEP
from sagakit.core.chance import Odds
from sagakit.shell.settings import KitSettings, Share


class PaymentSettings(KitSettings):
    """Each field is read from the environment variable of its name, in capitals."""

    fail_rate: Share = Field(
        default=0.0,
        validation_alias=AliasChoices("PAYMENT_FAIL_RATE", "FAIL_RATE", "fail_rate"),
        description="share of charges declined, 0..1; PAYMENT_FAIL_RATE goes before FAIL_RATE",
    )
    refund_fail_rate: Share = Field(
        default=0.0, description="share of attempts at a refund that fail, 0..1"
    )

    def odds(self) -> Odds:
        """How unlucky payment is."""
        return Odds(
            step=STEP,
            undo_step=UNDO_STEP,
            seed=self.fault_seed,
            fail_rate=self.fail_rate,
            undo_fail_rate=self.refund_fail_rate,
            faults_enabled=self.faults_enabled,
        )
