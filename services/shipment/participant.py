"""Shipment's part in both modes, as tables: what it hears, what that asks of it, where it says so.

Subscriptions, the drawn graph and the wire follow from here. It names no other service and cannot
know the order of steps.
"""

from typing import Final

from saga import contract
from sagakit.core.participant import Ask, Word
from sagakit.core.reactions import Choreography, Orchestration

SERVICE: Final = "shipment"
REFERENCE_PREFIX: Final = "ship-"

CHOREOGRAPHY: Final = Choreography(
    service=SERVICE,
    hears={contract.INVENTORY_RESERVED.name: Ask.DO},
    says={
        Word.DONE: contract.SHIPMENT_SCHEDULED.name,
        Word.REFUSED: contract.SHIPMENT_FAILED.name,
    },
)

ORCHESTRATION: Final = Orchestration(
    service=SERVICE,
    commands=contract.SHIPMENT_COMMAND.name,
    actions={"SCHEDULE": Ask.DO},
    replies=contract.SHIPMENT_REPLY.name,
)
