"""What fuzzing is made of: bytes, texts and messages, from the plausible to the absurd.

It must not know what any service makes of them.
"""

from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

SAGAS: Final = ("saga-1", "saga-2", "saga-3")
INT64: Final = (-(2**63), 2**63 - 1)
INT32: Final = (-(2**31), 2**31 - 1)
UINT32: Final = (0, 2**32 - 1)
DRINKS: Final = ("", "espresso", "flat-white", "geisha", "tea")
FAULTS: Final = (
    "",
    "payment=30;refund=50",
    "inventory=100",
    "shipment=30;release=70,delay:1s",
    "delay:9s",
)
PLAUSIBLE: Final[dict[str, st.SearchStrategy[Any]]] = {
    "saga_id": st.sampled_from((*SAGAS[:1] * 3, *SAGAS)),
    "amount_cents": st.sampled_from((0, 300, 300, 300, 301)),
    "currency": st.sampled_from(("", "EUR", "EUR", "USD")),
    "drink": st.sampled_from(DRINKS),
    "quantity": st.sampled_from((0, 1, 2, 400)),
    "action": st.sampled_from((1, 2)),
    "faults": st.sampled_from(FAULTS),
    "cancel": st.sampled_from((False, False, False, True)),
}
"""By field: what sagas that mean something are made of, so that most messages reach the rules."""

LENGTH_MAX: Final = 300
texts: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=LENGTH_MAX)


def _wild(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Any value that protobuf can hold in the field."""
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return texts
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_INT64:
            return st.integers(*INT64)
        case FieldDescriptor.CPPTYPE_UINT32:
            return st.integers(*UINT32)
        case FieldDescriptor.CPPTYPE_ENUM:
            return st.integers(*INT32)
        case FieldDescriptor.CPPTYPE_MESSAGE:
            return st.tuples(st.integers(*INT64), st.integers(*INT32))
        case other:
            raise AssertionError(f"{field.full_name}: no values of type {other}")


@st.composite
def messages(draw: st.DrawFn, kind: type[Message], *, wild: bool = False) -> Message:
    """One message; `wild` draws every field from all that it can hold."""
    message: Any = kind()
    for field in kind.DESCRIPTOR.fields:
        plausible = PLAUSIBLE.get(field.name)
        anything = wild or draw(st.integers(0, 19)) == 0
        if plausible is None or anything:
            if not anything and draw(st.booleans()):
                continue
            plausible = _wild(field)
        value = draw(plausible)
        if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            stamp = getattr(message, field.name)
            stamp.seconds, stamp.nanos = value
        else:
            setattr(message, field.name, value)
    return message  # type: ignore[no-any-return]


@st.composite
def mangled(draw: st.DrawFn, kind: type[Message]) -> bytes:
    """The bytes of a message, cut, flipped, doubled, or with others put into them; or any bytes."""
    value = draw(messages(kind, wild=draw(st.booleans()))).SerializeToString()
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(value)))
        match draw(st.sampled_from(("cut", "flip", "put", "double", "other"))):
            case "cut":
                value = value[:place]
            case "flip" if place < len(value):
                flipped = value[place] ^ draw(st.integers(1, 255))
                value = value[:place] + bytes([flipped]) + value[place + 1 :]
            case "put":
                value = value[:place] + draw(st.binary(max_size=12)) + value[place:]
            case "double":
                value += value
            case _:
                value = draw(st.binary(max_size=64))
    return value


json_values: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@st.composite
def bodies(draw: st.DrawFn, fields: dict[str, Sequence[Any]]) -> Any:
    """A request's JSON: an object with the first value of each field, but for one or two of them.

    Now and then another field is there, or it is no object at all.
    """
    if draw(st.integers(0, 19)) == 0:
        return draw(json_values)
    absurd = draw(st.lists(st.sampled_from(sorted(fields)), max_size=2))
    body = {
        name: draw(st.sampled_from(values) | json_values) if name in absurd else values[0]
        for name, values in fields.items()
    }
    if draw(st.integers(0, 9)) == 0:
        body.pop(draw(st.sampled_from(sorted(fields))))
    if draw(st.integers(0, 19)) == 0:
        body[draw(st.text(max_size=8))] = draw(json_values)
    return body
