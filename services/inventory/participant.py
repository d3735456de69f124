"""Inventory's part in both modes, as tables: what it hears, what that asks of it, where it says so.

Subscriptions, the drawn graph and the wire follow from here. It names no other service and cannot
know the order of steps.
"""

from typing import Final

from saga import contract
from sagakit.core.participant import Ask, Word
from sagakit.core.reactions import Choreography, Orchestration

SERVICE: Final = "inventory"
REFERENCE_PREFIX: Final = "res-"

CHOREOGRAPHY: Final = Choreography(
    service=SERVICE,
    hears={
        contract.PAYMENT_COMPLETED.name: Ask.DO,
        contract.SHIPMENT_FAILED.name: Ask.UNDO,
    },
    says={
        Word.DONE: contract.INVENTORY_RESERVED.name,
        Word.REFUSED: contract.INVENTORY_FAILED.name,
        Word.UNDONE: contract.INVENTORY_RELEASED.name,
    },
)

ORCHESTRATION: Final = Orchestration(
    service=SERVICE,
    commands=contract.INVENTORY_COMMAND.name,
    actions={"RESERVE": Ask.DO, "RELEASE": Ask.UNDO},
    replies=contract.INVENTORY_REPLY.name,
)
