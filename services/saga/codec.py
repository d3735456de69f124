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
from saga.terms import NO_TERMS, Terms
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
_SECONDS_IN_DAY: Final = 86_400
_is_saga_id: Final = SAGA_ID_PATTERN.fullmatch

M = TypeVar("M", bound=Message)


class HasSagaId(Protocol):
    """Any message of ours."""

    saga_id: str


class HasReason(Protocol):
    """Any message that says why."""

    reason: str


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
    if _is_saga_id(saga_id) is None:
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


def terms_reader(
    message_type: type[Message], *, zero_is_unknown: bool = False
) -> Callable[[Any], Terms]:
    """What a message of this type says of the order: those of the terms that it has fields for.

    A number that is left out reads as 0. `zero_is_unknown`: it then says nothing of the amount, and
    can be neither out of bounds nor a contradiction. A type that says nothing of the order at all
    has no terms, so that a participant may hear the end of the chain.
    """
    if not carries_terms(message_type):
        return lambda _: NO_TERMS
    has = message_type.DESCRIPTOR.fields_by_name
    has_customer, has_amount, has_currency = (
        name in has for name in ("customer_id", "amount_cents", "currency")
    )

    def read(message: Any) -> Terms:
        amount_cents = message.amount_cents if has_amount else None
        return Terms(
            clean(message.customer_id) if has_customer else "",
            None if zero_is_unknown and not amount_cents else amount_cents,
            clean(message.currency) if has_currency else "",
            clean(message.drink),
            message.quantity,
            to_datetime(message.deadline) if message.HasField("deadline") else None,
            clean(message.faults),
        )

    return read


def terms_writer(message_type: type[Message]) -> Callable[[Any, Terms], None]:
    """Fill those of the terms that messages of this type have fields for; what is unknown is unset.

    Fields are set one by one, for that takes half the time of a constructor's keywords.
    """
    has = message_type.DESCRIPTOR.fields_by_name
    has_customer, has_amount, has_currency = (
        name in has for name in ("customer_id", "amount_cents", "currency")
    )

    def write(message: Any, terms: Terms) -> None:
        if has_customer:
            message.customer_id = terms.customer_id
        if has_amount:
            message.amount_cents = terms.amount_cents or 0
        if has_currency:
            message.currency = terms.currency
        message.drink = terms.drink
        message.quantity = terms.quantity
        if terms.deadline is not None:
            write_time(message.deadline, terms.deadline)
        if terms.faults:
            message.faults = terms.faults

    return write


def carries_terms(message_type: type[Message]) -> bool:
    """Whether messages of this type say anything of what was ordered."""
    return "drink" in message_type.DESCRIPTOR.fields_by_name


def action_number(enum: Any, action: str) -> int:
    """The number of an action. Protobuf's values bear their enum's name: PAYMENT_ACTION_REFUND."""
    prefix: str = enum.DESCRIPTOR.values_by_number[0].name.removesuffix("UNSPECIFIED")
    number: int = enum.Value(prefix + action)
    return number


def to_datetime(stamp: Timestamp) -> datetime:
    """The time in UTC, clipped to what can be stored; to the microsecond, as Postgres keeps it."""
    seconds = stamp.seconds
    if seconds < 0:
        return EARLIEST
    if seconds >= _LATEST_SECONDS:
        return LATEST
    nanos = min(max(stamp.nanos, 0), _NANOS_MAX)
    return EARLIEST + timedelta(seconds=seconds, microseconds=nanos // _NANOS_IN_MICROSECOND)


def write_time(stamp: Timestamp, when: datetime) -> None:
    """Set a message's time field, which is thereby there, also at the very first second."""
    passed = when - EARLIEST
    stamp.seconds = passed.days * _SECONDS_IN_DAY + passed.seconds
    stamp.nanos = passed.microseconds * _NANOS_IN_MICROSECOND
