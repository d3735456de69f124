"""The life of one order, as it is learnt from what others say: pure, without clock, database or
protobuf.

An order decides nothing about a saga; it draws what it hears and knows the two ends. While RUNNING,
choreography ends it by shipment-scheduled (SUCCESS) or by payment-failed and payment-refunded
(FAILED); the other six only draw the timeline. An end is final: the opposite end changes nothing
and is a violation to be counted. The current step is that of the *furthest* event heard and not of
the last, because nine topics have no common order.
"""

from datetime import datetime
from enum import Enum, StrEnum
from typing import Final, NamedTuple

from saga import contract
from saga.contract import Outcome
from saga.terms import Terms

DONE: Final = "DONE"
"""`current_step` of both ends; the status tells them apart."""

PRICE_CENTS: Final = {"espresso": 300, "flat-white": 420, "geisha": 900}
"""What a cup costs. The only price list: participants take the amount as it is said."""

CURRENCY: Final = "EUR"


class Status(StrEnum):
    """The three states of an order, in the words of `saga_state`."""

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


class Standing(NamedTuple):
    """Where an order stands. `outcome` is None while it is open."""

    status: Status = Status.RUNNING
    current_step: str = contract.STEPS[0].current_step
    outcome: Outcome | None = None
    failure_reason: str = ""
    cancel_asked: bool = False


JUST_PLACED: Final = Standing()


class Heard(NamedTuple):
    """One choreographed event. `event` is the topic's name without its mode; `terms` are what it
    says of the order, if anything.

    A named tuple: thousands a second are made.
    """

    saga_id: str
    event: str
    reference: str = ""
    reason: str = ""
    occurred_at: datetime | None = None
    terms: Terms | None = None
    cancel: bool = False


class Effect(Enum):
    """What an event did to an order."""

    NOTHING = "nothing"
    MOVED = "moved"
    ENDED = "ended"
    LATE = "late"
    VIOLATION = "violation"


_FURTHER: Final = {
    topic.event: (rank, word.current_step)
    for rank, word in enumerate(contract.STEPS)
    for topic in word.reached_by
}
_RANK: Final = {word.current_step: rank for rank, word in enumerate(contract.STEPS)}
_END: Final = {
    contract.SHIPMENT_SCHEDULED.event: (Status.SUCCESS, Outcome.COMPLETED),
    contract.PAYMENT_FAILED.event: (Status.FAILED, Outcome.REJECTED),
    contract.PAYMENT_REFUNDED.event: (Status.FAILED, Outcome.COMPENSATED),
}
_REQUESTED: Final = contract.ORDER_REQUESTED.event


def hear(standing: Standing, heard: Heard) -> tuple[Standing, Effect]:
    """The standing after one event of choreography, and what the event did to it."""
    end = _END.get(heard.event)
    if standing.status is not Status.RUNNING:
        if end is None:
            return standing, Effect.NOTHING if heard.event == _REQUESTED else Effect.LATE
        return standing, Effect.NOTHING if end[0] is standing.status else Effect.VIOLATION
    if end is not None:
        return _ended(standing, *end, heard.reason), Effect.ENDED
    rank, step = _FURTHER[heard.event]
    reason = standing.failure_reason or heard.reason
    cancel = standing.cancel_asked or heard.cancel
    if rank <= _RANK[standing.current_step]:
        if reason == standing.failure_reason and cancel == standing.cancel_asked:
            return standing, Effect.NOTHING
        step = standing.current_step
    moved = standing._replace(current_step=step, failure_reason=reason, cancel_asked=cancel)
    return moved, Effect.MOVED


def _ended(standing: Standing, status: Status, outcome: Outcome, reason: str) -> Standing:
    """The first refusal's reason stays: an undo repeats it at best, and topics have no common
    order.
    """
    why = "" if status is Status.SUCCESS else standing.failure_reason or reason
    return standing._replace(status=status, current_step=DONE, outcome=outcome, failure_reason=why)


def orchestrated_outcome(status: Status, payment_id: str) -> Outcome | None:
    """The outcome that a state of the orchestrator means: FAILED without a charge is rejected, else
    compensated.
    """
    if status is Status.RUNNING:
        return None
    if status is Status.SUCCESS:
        return Outcome.COMPLETED
    return Outcome.COMPENSATED if payment_id else Outcome.REJECTED


def price_cents(drink: str, quantity: int) -> int | None:
    """The price of `quantity` cups (0 means 1), or None for a drink that is not on the list."""
    cup = PRICE_CENTS.get(drink or contract.HOUSE_DRINK)
    return None if cup is None else cup * max(quantity, 1)


def owed_by(mode: str, standing: Standing, *, known: bool) -> str | None:
    """Who owes the next step of an open order; None at its end. Before it knows the saga, the
    orchestrator does.
    """
    if standing.status is not Status.RUNNING:
        return None
    if mode == contract.Mode.ORCH and not known:
        return "orchestrator"
    word = contract.STEP_BY_STATE.get(standing.current_step)
    return word.owed_by if word else None
