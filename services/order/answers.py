"""What the API answers, field by field: the form that the OpenAPI file describes and clients read.

Times are UTC. It must not know the database.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from saga.contract import Outcome

Status = Literal["RUNNING", "SUCCESS", "FAILED"]
LongMode = Literal["choreography", "orchestration"]


class Accepted(BaseModel):
    """An order that was placed, by this request or by the same one before."""

    saga_id: str
    mode: LongMode
    new: bool


class CancelAsked(BaseModel):
    """The cancel mark is stored and said; read the end to see whether it came in time."""

    saga_id: str
    cancel_asked: bool


class OrderView(BaseModel):
    """One order: where it stands, and who owes the next step."""

    saga_id: str
    mode: LongMode
    customer_id: str
    amount_cents: int
    currency: str
    drink: str
    quantity: int
    deadline: datetime | None
    faults: str
    status: Status
    outcome: Outcome | None
    current_step: str
    step: str | None = Field(description="current_step in one word; null at the end")
    owed_by: str | None = Field(description="the service that owes the next step")
    failure_reason: str
    adopted: bool = Field(description="heard on Kafka, not placed here")
    known: bool = Field(description="the orchestrator has said that it knows the saga")
    cancel_asked: bool
    parked: bool
    said: int = Field(description="how often it was said without an answer")
    batch_id: str | None
    occurred_at: datetime
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class OrderPage(BaseModel):
    """Orders, youngest first; `next_cursor` is null on the last page."""

    sagas: list[OrderView]
    next_cursor: str | None


class Timeline(BaseModel):
    """What happened so far. Events are order's own in choreography, else the orchestrator's."""

    saga_id: str
    mode: LongMode
    status: Status
    source: Literal["order", "orchestrator"] | None
    events: list[dict[str, Any]]
    note: str | None = Field(default=None, description="why there is nothing to tell")


class Told(BaseModel):
    """One order and what happened to it so far."""

    saga: OrderView
    timeline: Timeline


class Comparison(BaseModel):
    """The same thing both ways: an order of each mode, none of a mode that has none."""

    choreography: Told | None
    orchestration: Told | None


class Counts(BaseModel):
    """What has become of a batch's orders; the five sum to what is placed."""

    running: int
    completed: int
    compensated: int
    rejected: int
    parked: int


class BatchSummary(BaseModel):
    """How far a batch is placed, and what has become of its orders."""

    batch_id: str
    mode: LongMode
    orders: int
    rate_per_second: float | None
    placed: int
    cancel_asked: bool
    created_at: datetime
    last_ended_at: datetime | None
    cancelled: int
    counts: Counts


class StepSummary(BaseModel):
    """How one step of a batch's orders went. Times are in the step, of those that left it."""

    name: str
    done: int
    refused: int
    compensated: int = Field(description="how often it was undone")
    p50_ms: int | None
    p99_ms: int | None


class FailureView(BaseModel):
    """An order that did not go its way: which step, and why."""

    saga_id: str
    step: str
    reason: str


class BatchProgress(BatchSummary):
    """The summary, and how the steps went: what a resource's status tells."""

    current_step: str | None = Field(description="where most open orders are; null: none is open")
    owed_by: str | None = Field(description="the service that owes the next step there")
    steps: list[StepSummary]
    failures: list[FailureView] = Field(description="the first ten")
    note: str | None = Field(default=None, description="why steps are not told")


class BatchCancelled(BatchSummary):
    """The summary after a cancel, and how many orders were asked to end by it."""

    asked_to_cancel: int
