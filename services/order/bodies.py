"""What the API is sent: the two bodies, read strictly, and the span of time of a list.

Bounds that the contract gives are not repeated here: `placing` checks them for every door. It must
not know the database.
"""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from order.batches import BatchDraft
from order.domain import CURRENCY
from order.placing import Draft, Unacceptable
from saga.contract import Mode
from sagakit.shell import spans


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
    """The moment that is meant. Raises Unacceptable."""
    try:
        return spans.read_since(text, now)
    except ValueError as error:
        raise Unacceptable("since", str(error)) from error
