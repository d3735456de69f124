"""What the API is sent: the two bodies, read strictly, and the span of time of a list.

Bounds that the contract gives are not repeated here: `placing` checks them for every door. It must
not know the database.
"""

import re
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from order.batches import BatchDraft
from order.domain import CURRENCY
from order.placing import Draft, Unacceptable
from saga.contract import Mode

_SPAN: Final = re.compile(r"(\d{1,6})(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _read_mode(value: object) -> object:
    return Mode.parse(value) if isinstance(value, str) else value


_WRITTEN: Final = [form for mode in Mode for form in (mode.value, mode.long, mode.long.title())]
AnyMode = Annotated[
    Mode, BeforeValidator(_read_mode), WithJsonSchema({"type": "string", "enum": _WRITTEN})
]
"""`choreo`, `choreography`, `Choreography`, and the same of orchestration."""


class _Terms(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    mode: AnyMode
    customer_id: str = "guest"
    amount_cents: int | None = Field(default=None, description="left out: by the price list")
    currency: str = CURRENCY
    drink: str = Field(default="", description="left out: the house drink")
    quantity: int = Field(default=0, ge=0, description="cups; 0 means 1")
    deadline_seconds: float | None = Field(
        default=None, description="from placing; left out: the order waits for ever"
    )
    faults: str = Field(default="", examples=["shipment=30;refund=50,delay:3s"])

    def draft(self, saga_id: str | None = None) -> Draft:
        """In the terms of placing."""
        return Draft(
            self.mode,
            self.customer_id,
            self.amount_cents,
            self.currency,
            self.drink,
            self.quantity,
            self.deadline_seconds,
            self.faults,
            saga_id,
        )


class SagaRequest(_Terms):
    """One order."""

    saga_id: str | None = Field(default=None, description="left out: a fresh UUID")


class BatchRequest(_Terms):
    """`orders` orders with the same terms, so many a second (left out: as fast as it goes)."""

    orders: int = Field(validation_alias=AliasChoices("orders", "count", "n"))
    rate_per_second: float | None = Field(
        default=None, validation_alias=AliasChoices("rate_per_second", "rate")
    )

    def wanted(self) -> BatchDraft:
        """In the terms of batches."""
        return BatchDraft(self.draft(), self.orders, self.rate_per_second)


def read_since(text: str, now: datetime) -> datetime:
    """`10m`, `2h` before now, or a time in ISO 8601 with its zone. Raises Unacceptable."""
    span = _SPAN.fullmatch(text)
    try:
        if span is not None:
            return now - timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
        when = datetime.fromisoformat(text)
    except (ValueError, OverflowError):  # the second: a span that begins before the year 1
        when = None
    if when is None or when.tzinfo is None:
        detail = f"since is {text[:40]!r}; give a span (30s, 10m, 2h, 1d) or a time with its zone"
        raise Unacceptable("since", detail)
    return when
