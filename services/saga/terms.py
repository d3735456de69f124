"""The terms of an order, as every message carries them and every participant's row keeps them.

Plain data with its bounds. Knows no protobuf and no service.
"""

from datetime import datetime
from typing import Final, NamedTuple

AMOUNT_CENTS_MAX: Final = 100_000_000
QUANTITY_MAX: Final = 1_000
TEXT_LENGTH_MAX: Final = 256
"""Longest customer id, drink, currency or fault text that is accepted, in characters."""


class Terms(NamedTuple):
    """What was ordered. `amount_cents` is None where the message says nothing of money; times are
    UTC.

    A named tuple: it is made for every message and every row, and costs a third of a dataclass.
    """

    customer_id: str = ""
    amount_cents: int | None = None
    currency: str = ""
    drink: str = ""
    quantity: int = 0
    deadline: datetime | None = None
    faults: str = ""


NO_TERMS: Final = Terms()


def out_of_bounds(terms: Terms) -> str | None:
    """Name the first field of a readable order that is outside its bounds, or None.

    An order without an amount (inventory's and shipment's messages) is judged by the rest.
    """
    if terms.amount_cents is not None and not 1 <= terms.amount_cents <= AMOUNT_CENTS_MAX:
        return f"amount_cents is {terms.amount_cents}, must be 1..{AMOUNT_CENTS_MAX}"
    if terms.quantity > QUANTITY_MAX:
        return f"quantity is {terms.quantity}, must be 0..{QUANTITY_MAX} (0 means 1)"
    for field in ("customer_id", "currency", "drink", "faults"):
        text: str = getattr(terms, field)
        if len(text) > TEXT_LENGTH_MAX:
            return f"{field} has {len(text)} characters, must be at most {TEXT_LENGTH_MAX}"
    return None


def contradiction(known: Terms, heard: Terms) -> str | None:
    """Say how `heard` contradicts what is `known` of the saga (rule 10), or None. What is unknown
    contradicts nothing.
    """
    if (
        known.amount_cents is not None
        and heard.amount_cents is not None
        and known.amount_cents != heard.amount_cents
    ):
        return f"amount_cents was {known.amount_cents}, is now {heard.amount_cents}"
    if known.currency and heard.currency and known.currency != heard.currency:
        return f"currency was {known.currency!r}, is now {heard.currency!r}"
    return None
