"""Protobuf to the order's own terms and back: the only module here that knows both.

It must not know Kafka clients, the database or what an event means.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from order.domain import Heard
from saga import codec, contract
from saga.contract import Mode
from saga.terms import Terms
from saga.v1 import saga_pb2
from sagakit.core.deadletters import Poison, Reason
from sagakit.shell.ports import Outgoing, Record

REFERENCE_LENGTH_MAX: Final = 256
"""Longest foreign `payment_id`, `reservation_id` or `shipment_id` that is kept, in characters."""

REFERENCES: Final = ("payment_id", "reservation_id", "shipment_id")


@dataclass(frozen=True, slots=True)
class Saying:
    """What is needed to say an order, at first or again: the stored row, word for word."""

    saga_id: str
    mode: Mode
    terms: Terms
    occurred_at: datetime
    cancel: bool = False


def _reader(topic: contract.Topic, message_type: Any) -> Callable[[bytes], Heard]:
    """What order takes of a message: all that its type has of id, reason, time, terms, cancel.

    An order-requested that says no amount asks for one of 0, which payment refuses. Everywhere else
    what is left out says nothing, and contradicts nothing (rule 10).
    """
    has = message_type.DESCRIPTOR.fields_by_name
    reference = next((name for name in REFERENCES if name in has), None)
    has_reason, cancels, event = "reason" in has, "cancel" in has, topic.event
    read: Callable[[bytes], Any] = codec.reader(message_type)
    terms_of = (
        codec.terms_reader(message_type, zero_is_unknown=topic is not contract.ORDER_REQUESTED)
        if codec.carries_terms(message_type)
        else None
    )

    def heard(value: bytes) -> Heard:
        message = read(value)
        return Heard(
            codec.saga_id_of(message),
            event,
            codec.clean(getattr(message, reference), REFERENCE_LENGTH_MAX) if reference else "",
            codec.reason_of(message) if has_reason else "",
            codec.to_datetime(message.occurred_at) if message.HasField("occurred_at") else None,
            terms_of(message) if terms_of else None,
            cancels and message.cancel,
        )

    return heard


READERS: Final[dict[str, Callable[[bytes], Heard]]] = {
    topic.name: _reader(topic, message_type)
    for topic, message_type in (
        (contract.ORDER_REQUESTED, saga_pb2.OrderRequested),
        (contract.PAYMENT_COMPLETED, saga_pb2.PaymentCompleted),
        (contract.PAYMENT_FAILED, saga_pb2.PaymentFailed),
        (contract.PAYMENT_REFUNDED, saga_pb2.PaymentRefunded),
        (contract.INVENTORY_RESERVED, saga_pb2.InventoryReserved),
        (contract.INVENTORY_FAILED, saga_pb2.InventoryFailed),
        (contract.INVENTORY_RELEASED, saga_pb2.InventoryReleased),
        (contract.SHIPMENT_SCHEDULED, saga_pb2.ShipmentScheduled),
        (contract.SHIPMENT_FAILED, saga_pb2.ShipmentFailed),
    )
}


def decode(record: Record) -> Heard:
    """Read one record of the nine topics. Raises Poison."""
    if record.value is None:
        raise Poison(Reason.NULL_VALUE, "an event without a value")
    return READERS[record.topic](record.value)


_fill_request: Final = codec.terms_writer(saga_pb2.OrderRequested)
_fill_place_order: Final = codec.terms_writer(saga_pb2.PlaceOrder)


def say(saying: Saying) -> Outgoing:
    """Order-requested or place-order, by mode. Said again, it is byte for byte the same but for the
    cancel mark.
    """
    message: saga_pb2.PlaceOrder | saga_pb2.OrderRequested
    if saying.mode is Mode.ORCH:
        topic, message = contract.PLACE_ORDER, saga_pb2.PlaceOrder()
        _fill_place_order(message, saying.terms)
    else:
        topic, message = contract.ORDER_REQUESTED, saga_pb2.OrderRequested()
        _fill_request(message, saying.terms)
        codec.write_time(message.occurred_at, saying.occurred_at)
    message.saga_id = saying.saga_id
    message.cancel = saying.cancel
    return Outgoing(topic.name, saying.saga_id, topic.message, message.SerializeToString())
