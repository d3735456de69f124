"""Whatever a protobuf message can hold must be poison, refused, or storable."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from saga import codec
from saga.terms import Terms
from saga.v1.saga_pb2 import OrderRequested
from sagakit.core.deadletters import Poison, Reason


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
    message = OrderRequested(saga_id="s", drink="a\0b", faults="\0")
    assert codec.terms_of(message, customer_id="\0") == Terms(
        customer_id="\ufffd", drink="a\ufffdb", faults="\ufffd"
    )


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
        stamp = codec.to_timestamp(when)
        assert stamp is not None
        assert codec.to_datetime(stamp) == when
    assert codec.to_timestamp(None) is None


def test_no_deadline_is_not_the_first_of_january_1970() -> None:
    assert codec.terms_of(OrderRequested()).deadline is None
    assert codec.terms_of(OrderRequested(deadline=Timestamp())).deadline == codec.EARLIEST
