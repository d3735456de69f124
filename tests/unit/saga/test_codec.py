"""Whatever a protobuf message can hold must be poison, refused, or storable."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from saga import codec
from saga.terms import NO_TERMS, Terms
from saga.v1.saga_pb2 import (
    InventoryAction,
    InventoryReserved,
    OrderRequested,
    PaymentAction,
    PaymentCommand,
    PaymentCompleted,
    PlaceOrder,
    ShipmentAction,
    ShipmentCommand,
    ShipmentScheduled,
)
from sagakit.core.deadletters import Poison, Reason

terms_of = codec.terms_reader(OrderRequested)


@pytest.mark.parametrize("value", [b"\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe"])
def test_what_cannot_be_parsed_is_poison(value: bytes) -> None:
    with pytest.raises(Poison) as caught:
        codec.reader(OrderRequested)(value)
    assert caught.value.reason is Reason.UNDECODABLE


@pytest.mark.parametrize("saga_id", ["", "a b", "a\n", "x" * 65, "ä", "a\0", "../a"])
def test_a_bad_saga_id_is_poison(saga_id: str) -> None:
    with pytest.raises(Poison) as caught:
        codec.saga_id_of(OrderRequested(saga_id=saga_id))
    assert caught.value.reason is Reason.BAD_SAGA_ID
    assert "\0" not in caught.value.detail


def test_a_null_character_is_replaced_since_postgres_refuses_it() -> None:
    message = OrderRequested(saga_id="s", customer_id="\0", drink="a\0b", faults="\0")
    assert terms_of(message) == Terms("\ufffd", 0, drink="a\ufffdb", faults="\ufffd")


def test_an_amount_that_is_left_out_is_unknown_where_the_reader_says_so() -> None:
    lenient = codec.terms_reader(OrderRequested, zero_is_unknown=True)
    assert lenient(OrderRequested()).amount_cents is None
    assert lenient(OrderRequested(amount_cents=-5)).amount_cents == -5
    assert codec.terms_reader(InventoryReserved)(InventoryReserved()).amount_cents is None


@pytest.mark.parametrize(
    "message_type", [PlaceOrder, OrderRequested, PaymentCompleted, PaymentCommand, ShipmentCommand]
)
def test_terms_written_are_read_word_for_word(message_type: type[Any]) -> None:
    full = Terms("ada", 350, "EUR", "geisha", 2, codec.EARLIEST, "shipment=30")
    message = message_type()
    codec.terms_writer(message_type)(message, full)
    has = message_type.DESCRIPTOR.fields_by_name
    lacking = {name: getattr(Terms(), name) for name in Terms._fields if name not in has}
    read = codec.terms_reader(message_type)(message_type.FromString(message.SerializeToString()))
    assert read == full._replace(**lacking)


def test_a_message_that_says_nothing_of_the_order_has_no_terms() -> None:
    assert codec.terms_reader(ShipmentScheduled)(ShipmentScheduled(saga_id="s")) == NO_TERMS


@pytest.mark.parametrize(
    ("enum", "action", "number"),
    [
        (PaymentAction, "REFUND", 2),
        (InventoryAction, "RESERVE", 1),
        (ShipmentAction, "SCHEDULE", 1),
    ],
)
def test_an_action_is_found_by_its_bare_name(enum: Any, action: str, number: int) -> None:
    assert codec.action_number(enum, action) == number


def test_a_long_reason_is_cut() -> None:
    assert len(codec.clean("x" * 10_000, codec.REASON_LENGTH_MAX)) == codec.REASON_LENGTH_MAX


@pytest.mark.parametrize(
    ("stamp", "when"),
    [
        (Timestamp(), codec.EARLIEST),
        (Timestamp(seconds=-1), codec.EARLIEST),
        (Timestamp(seconds=-(2**63), nanos=-(2**31)), codec.EARLIEST),
        (Timestamp(seconds=2**63 - 1, nanos=2**31 - 1), codec.LATEST),
        (Timestamp(seconds=1, nanos=-5), codec.EARLIEST + timedelta(seconds=1)),
        (Timestamp(seconds=1, nanos=1_999), codec.EARLIEST + timedelta(seconds=1, microseconds=1)),
    ],
)
def test_any_time_is_clipped_to_what_can_be_stored(stamp: Timestamp, when: datetime) -> None:
    assert codec.to_datetime(stamp) == when


def test_times_survive_the_way_there_and_back() -> None:
    for when in (codec.EARLIEST, codec.LATEST, datetime(2026, 5, 1, 12, 0, 0, 123_456, tzinfo=UTC)):
        message = OrderRequested()
        codec.write_time(message.occurred_at, when)
        assert message.HasField("occurred_at")
        assert codec.to_datetime(message.occurred_at) == when


def test_no_deadline_is_not_the_first_of_january_1970() -> None:
    assert terms_of(OrderRequested()).deadline is None
    assert terms_of(OrderRequested(deadline=Timestamp())).deadline == codec.EARLIEST
