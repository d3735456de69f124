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


@dataclass(frozen=True, slots=True)
class Saying:
    """What is needed to say an order, at first or again: the stored row, word for word."""

    saga_id: str
    mode: Mode
    terms: Terms
    occurred_at: datetime
    cancel: bool = False


def _reference(field: str | None) -> Callable[[Any], str]:
    if field is None:
        return lambda _message: ""

    def read(message: Any) -> str:
        return codec.clean(getattr(message, field), REFERENCE_LENGTH_MAX)

    return read


def _reader(
    topic: contract.Topic, message_type: Any, reference_field: str | None, *, has_reason: bool
) -> Callable[[bytes], Heard]:
    read, reference, event = codec.reader(message_type), _reference(reference_field), topic.event

    def heard(value: bytes) -> Heard:
        message: Any = read(value)
        return Heard(
            codec.saga_id_of(message),
            event,
            reference(message),
            codec.reason_of(message) if has_reason else "",
            codec.to_datetime(message.occurred_at) if message.HasField("occurred_at") else None,
        )

    return heard


_read_request = codec.reader(saga_pb2.OrderRequested)


def _requested(value: bytes) -> Heard:
    message = _read_request(value)
    return Heard(
        codec.saga_id_of(message),
        contract.ORDER_REQUESTED.event,
        occurred_at=(
            codec.to_datetime(message.occurred_at) if message.HasField("occurred_at") else None
        ),
        terms=codec.terms_of(
            message,
            customer_id=message.customer_id,
            amount_cents=message.amount_cents,
            currency=message.currency,
        ),
        cancel=message.cancel,
    )


READERS: Final[dict[str, Callable[[bytes], Heard]]] = {
    contract.ORDER_REQUESTED.name: _requested,
    **{
        topic.name: _reader(topic, message_type, reference, has_reason=has_reason)
        for topic, message_type, reference, has_reason in (
            (contract.PAYMENT_COMPLETED, saga_pb2.PaymentCompleted, "payment_id", False),
            (contract.PAYMENT_FAILED, saga_pb2.PaymentFailed, None, True),
            (contract.PAYMENT_REFUNDED, saga_pb2.PaymentRefunded, "payment_id", True),
            (contract.INVENTORY_RESERVED, saga_pb2.InventoryReserved, "reservation_id", False),
            (contract.INVENTORY_FAILED, saga_pb2.InventoryFailed, None, True),
            (contract.INVENTORY_RELEASED, saga_pb2.InventoryReleased, "reservation_id", True),
            (contract.SHIPMENT_SCHEDULED, saga_pb2.ShipmentScheduled, "shipment_id", False),
            (contract.SHIPMENT_FAILED, saga_pb2.ShipmentFailed, None, True),
        )
    },
}


def decode(record: Record) -> Heard:
    """Read one record of the nine topics. Raises Poison."""
    if record.value is None:
        raise Poison(Reason.NULL_VALUE, "an event without a value")
    return READERS[record.topic](record.value)


def say(saying: Saying) -> Outgoing:
    """Order-requested or place-order, by mode. Said again, it is byte for byte the same but for the
    cancel mark.
    """
    terms = saying.terms
    common: dict[str, Any] = {
        "saga_id": saying.saga_id,
        "customer_id": terms.customer_id,
        "amount_cents": terms.amount_cents or 0,
        "currency": terms.currency,
        "drink": terms.drink,
        "quantity": terms.quantity,
        "deadline": codec.to_timestamp(terms.deadline),
        "faults": terms.faults,
        "cancel": saying.cancel,
    }
    if saying.mode is Mode.ORCH:
        topic, message = contract.PLACE_ORDER, saga_pb2.PlaceOrder(**common).SerializeToString()
    else:
        topic = contract.ORDER_REQUESTED
        stamp = codec.to_timestamp(saying.occurred_at)
        message = saga_pb2.OrderRequested(**common, occurred_at=stamp).SerializeToString()
    return Outgoing(topic.name, saying.saga_id, topic.message, message)
