"""Payment's part in both modes, as tables: what it hears, what that asks of it, where it says so.

Subscriptions, the drawn graph and the wire follow from here. It names no other service and cannot
know the order of steps.
"""

from typing import Final

from saga import contract
from sagakit.core.participant import Ask, Word
from sagakit.core.reactions import Choreography, Orchestration

SERVICE: Final = "payment"
REFERENCE_PREFIX: Final = "pay-"

CHOREOGRAPHY: Final = Choreography(
    service=SERVICE,
    hears={
        contract.ORDER_REQUESTED.name: Ask.DO,
        contract.INVENTORY_FAILED.name: Ask.UNDO,
        contract.INVENTORY_RELEASED.name: Ask.UNDO,
    },
    says={
        Word.DONE: contract.PAYMENT_COMPLETED.name,
        Word.REFUSED: contract.PAYMENT_FAILED.name,
        Word.UNDONE: contract.PAYMENT_REFUNDED.name,
    },
)

ORCHESTRATION: Final = Orchestration(
    service=SERVICE,
    commands=contract.PAYMENT_COMMAND.name,
    actions={"AUTHORIZE": Ask.DO, "REFUND": Ask.UNDO},
    replies=contract.PAYMENT_REPLY.name,
)
