"""Shipment's own messages. How a participant reads and says them is `saga.wire`'s to know."""

from functools import partial
from typing import Final

from saga.v1.saga_pb2 import (
    InventoryReserved,
    ShipmentAction,
    ShipmentCommand,
    ShipmentFailed,
    ShipmentReply,
    ShipmentScheduled,
)
from saga.wire import Messages, ParticipantWire
from shipment.participant import CHOREOGRAPHY, ORCHESTRATION

MESSAGES: Final = Messages(
    hears=(InventoryReserved,),
    says=(ShipmentScheduled, ShipmentFailed),
    command=ShipmentCommand,
    action=ShipmentAction,
    reply=ShipmentReply,
    reference="shipment_id",
)

ShipmentWire: Final = partial(ParticipantWire, CHOREOGRAPHY, ORCHESTRATION, MESSAGES)
