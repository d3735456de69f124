"""Payment's own messages. How a participant reads and says them is `saga.wire`'s to know."""

from functools import partial
from typing import Final

from payment.participant import CHOREOGRAPHY, ORCHESTRATION
from saga.v1.saga_pb2 import (
    InventoryFailed,
    InventoryReleased,
    OrderRequested,
    PaymentAction,
    PaymentCommand,
    PaymentCompleted,
    PaymentFailed,
    PaymentRefunded,
    PaymentReply,
)
from saga.wire import Messages, ParticipantWire

MESSAGES: Final = Messages(
    hears=(OrderRequested, InventoryFailed, InventoryReleased),
    says=(PaymentCompleted, PaymentFailed, PaymentRefunded),
    command=PaymentCommand,
    action=PaymentAction,
    reply=PaymentReply,
    reference="payment_id",
    needs_amount=True,
)

PaymentWire: Final = partial(ParticipantWire, CHOREOGRAPHY, ORCHESTRATION, MESSAGES)
