"""Inventory's own messages. How a participant reads and says them is `saga.wire`'s to know."""

from functools import partial
from typing import Final

from inventory.participant import CHOREOGRAPHY, ORCHESTRATION
from saga.v1.saga_pb2 import (
    InventoryAction,
    InventoryCommand,
    InventoryFailed,
    InventoryReleased,
    InventoryReply,
    InventoryReserved,
    PaymentCompleted,
    ShipmentFailed,
)
from saga.wire import Messages, ParticipantWire

MESSAGES: Final = Messages(
    hears=(PaymentCompleted, ShipmentFailed),
    says=(InventoryReserved, InventoryFailed, InventoryReleased),
    command=InventoryCommand,
    action=InventoryAction,
    reply=InventoryReply,
    reference="reservation_id",
)

InventoryWire: Final = partial(ParticipantWire, CHOREOGRAPHY, ORCHESTRATION, MESSAGES)
