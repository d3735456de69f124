"""What is said is read back the same, and what cannot be read is poison."""

from datetime import UTC, datetime

import pytest

from order import wire
from order.domain import Heard
from saga import contract
from saga.contract import Mode
from saga.terms import Terms
from saga.v1 import saga_pb2
from sagakit.core.deadletters import Poison, Reason
from sagakit.shell.ports import Record

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TERMS = Terms("anna", 840, "EUR", "flat-white", 2, NOW, "shipment=30")


def record(topic: str, value: bytes | None) -> Record:
    return Record(topic, 0, 0, b"s-1", value)


def test_an_order_said_is_heard_word_for_word() -> None:
    said = wire.say(wire.Saying("s-1", Mode.CHOREO, TERMS, NOW, cancel=True))
    assert (said.topic, said.key, said.type) == ("choreo.order-requested", "s-1", "OrderRequested")
    heard = wire.decode(record(said.topic, said.payload))
    assert heard == Heard("s-1", "order-requested", "", "", NOW, TERMS, cancel=True)


def test_an_order_said_again_has_the_same_bytes() -> None:
    saying = wire.Saying("s-1", Mode.CHOREO, TERMS, NOW)
    assert wire.say(saying).payload == wire.say(saying).payload


def test_place_order_carries_the_terms() -> None:
    said = wire.say(wire.Saying("s-1", Mode.ORCH, TERMS, NOW))
    message = saga_pb2.PlaceOrder.FromString(said.payload)
    assert (said.topic, said.type) == ("orch.place-order", "PlaceOrder")
    assert (message.amount_cents, message.drink, message.quantity) == (840, "flat-white", 2)
    assert not message.cancel


def test_every_topic_that_order_hears_has_a_reader() -> None:
    heard = {topic.name for topic in contract.heard_by("order", Mode.CHOREO)}
    assert set(wire.READERS) == heard


def test_a_foreign_message_needs_only_its_saga_id() -> None:
    for topic in contract.heard_by("order", Mode.CHOREO):
        value = getattr(saga_pb2, topic.message)(saga_id="s-1").SerializeToString()
        heard = wire.decode(record(topic.name, value))
        assert (heard.saga_id, heard.event, heard.occurred_at) == ("s-1", topic.event, None)


def test_terms_are_read_wherever_a_message_carries_them() -> None:
    known = {
        topic.event: wire.decode(
            record(topic.name, getattr(saga_pb2, topic.message)(saga_id="s-1").SerializeToString())
        ).terms
        for topic in contract.heard_by("order", Mode.CHOREO)
    }
    carried = {event: terms for event, terms in known.items() if terms is not None}
    assert carried == {
        "order-requested": Terms(amount_cents=0),
        "payment-completed": Terms(),
        "inventory-reserved": Terms(),
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff\xff", Reason.UNDECODABLE),
        (None, Reason.NULL_VALUE),
        (saga_pb2.PaymentFailed(saga_id="a b").SerializeToString(), Reason.BAD_SAGA_ID),
    ],
)
def test_what_cannot_be_read_is_poison(value: bytes | None, reason: Reason) -> None:
    with pytest.raises(Poison) as caught:
        wire.decode(record("choreo.payment-failed", value))
    assert caught.value.reason is reason
