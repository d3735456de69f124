"""Protobuf to plain data and back, as every service needs it, and what makes a message poison.

Everything that is read here came from outside. A text may hold what Postgres refuses, a time may
lie in the year 300000, a number may be anything: this is where it becomes something that can be
stored. It must not know any service's rules.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from saga.contract import SAGA_ID_PATTERN
from saga.terms import Terms
from sagakit.core.deadletters import Poison, Reason

if api_implementation.Type() != "upb":
    # The pure Python parser is slower by fifty times and has had parsing holes of its own.
    REFUSED = (
        f"protobuf runs as {api_implementation.Type()!r}; only upb will do: reinstall its wheel"
    )
    raise ImportError(REFUSED)

REASON_LENGTH_MAX: Final = 512
"""Longest reason of others that is kept and passed on, in characters; the rest is cut off."""

DETAIL_LENGTH_MAX: Final = 200

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Times outside are clipped to these: Python, Postgres and JSON can all say what lies between."""

_LATEST_SECONDS: Final = int((LATEST - EARLIEST).total_seconds())
_NANOS_IN_MICROSECOND: Final = 1_000
_NANOS_MAX: Final = 999_999_999

M = TypeVar("M", bound=Message)


class HasSagaId(Protocol):
    """Any message of ours."""

    saga_id: str


class HasReason(Protocol):
    """Any message that says why."""

    reason: str


class HasTerms(Protocol):
    """Any message with the added fields 15 to 18."""

    drink: str
    quantity: int
    faults: str

    @property
    def deadline(self) -> Timestamp: ...

    def HasField(self, field_name: Any) -> bool: ...  # noqa: N802 - protobuf's


def reader(message_type: type[M]) -> Callable[[bytes], M]:
    """The parser of one message type; what it cannot read is Poison UNDECODABLE."""
    parse = message_type.FromString
    name = message_type.DESCRIPTOR.name

    def read(value: bytes) -> M:
        try:
            return parse(value)
        except DecodeError as error:
            detail = f"not a {name}: {error}"[:DETAIL_LENGTH_MAX]
            raise Poison(Reason.UNDECODABLE, detail) from error

    return read


def saga_id_of(message: HasSagaId) -> str:
    """The saga id, or Poison BAD_SAGA_ID: it is the one field that others' messages must have."""
    saga_id = message.saga_id
    if SAGA_ID_PATTERN.fullmatch(saga_id) is None:
        shown = clean(saga_id, DETAIL_LENGTH_MAX)
        detail = f"saga_id is {shown!r}, must match {SAGA_ID_PATTERN.pattern}"
        raise Poison(Reason.BAD_SAGA_ID, detail)
    return saga_id


def clean(text: str, length_max: int | None = None) -> str:
    """The text as Postgres can store it: NUL becomes U+FFFD.

    Cut to `length_max` characters where one is given.
    """
    if length_max is not None and len(text) > length_max:
        text = text[:length_max]
    return text.replace("\0", "\ufffd") if "\0" in text else text


def reason_of(message: HasReason) -> str:
    """The reason another participant gives, fit to be stored and passed on."""
    return clean(message.reason, REASON_LENGTH_MAX)


def terms_of(
    message: HasTerms,
    *,
    customer_id: str = "",
    amount_cents: int | None = None,
    currency: str = "",
) -> Terms:
    """Terms from the added fields, and from those that not every message has."""
    deadline = message.deadline if message.HasField("deadline") else None
    return Terms(
        clean(customer_id),
        amount_cents,
        clean(currency),
        clean(message.drink),
        message.quantity,
        None if deadline is None else to_datetime(deadline),
        clean(message.faults),
    )


def to_datetime(stamp: Timestamp) -> datetime:
    """The time in UTC, clipped to what can be stored; to the microsecond, as Postgres keeps it."""
    seconds = stamp.seconds
    if seconds < 0:
        return EARLIEST
    if seconds >= _LATEST_SECONDS:
        return LATEST
    nanos = min(max(stamp.nanos, 0), _NANOS_MAX)
    return EARLIEST + timedelta(seconds=seconds, microseconds=nanos // _NANOS_IN_MICROSECOND)


def to_timestamp(when: datetime | None) -> Timestamp | None:
    """The protobuf time; None stays None, which leaves a message's field unset."""
    if when is None:
        return None
    passed = when - EARLIEST
    return Timestamp(
        seconds=passed.days * 86_400 + passed.seconds,
        nanos=passed.microseconds * _NANOS_IN_MICROSECOND,
    )
