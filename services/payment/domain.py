"""What payment judges and what it moves: a charge of the customer, or the same amount back. Pure.

Money is moved, not counted: each charge and each refund is two ledger entries that sum to zero.
This module must not know of topics, of bytes or of SQL; time and chance come in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from saga import terms
from saga.judgement import common_refusal
from saga.terms import Terms
from sagakit.core.chance import Odds
from sagakit.core.participant import Heard, Row

STEP: Final = "payment"
UNDO_STEP: Final = "refund"
CARD_DECLINED: Final = "card declined"
"""What an injected fault says; there is no real card."""


class Kind(StrEnum):
    """The two movements, as the ledger says them."""

    CHARGE = "charge"
    REFUND = "refund"


class Account(StrEnum):
    """The two sides of each movement."""

    CUSTOMER = "customer"
    SHOP = "shop"


@dataclass(frozen=True, slots=True)
class Movement:
    """One charge or refund of a saga.

    `amount_cents` is positive; the sign follows from kind and account.
    """

    saga_id: str
    kind: Kind
    amount_cents: int
    currency: str

    def entries(self) -> tuple[tuple[Account, int], tuple[Account, int]]:
        """Both sides, customer first; they sum to zero."""
        gain = self.amount_cents if self.kind is Kind.CHARGE else -self.amount_cents
        return (Account.CUSTOMER, -gain), (Account.SHOP, gain)


@dataclass(frozen=True, slots=True)
class Cashier:
    """Payment's judgement for one batch (`sagakit.core.fold.Judge`).

    Needs nothing loaded: no account is ever empty.
    """

    now: datetime
    odds: Odds
    new_reference: Callable[[], str]

    def contradiction(self, known: Terms, heard: Terms) -> str | None:
        """Another amount or currency for a known saga."""
        return terms.contradiction(known, heard)

    def refusal(self, heard: Heard[Terms]) -> str | None:
        """Bounds, deadline, then faults."""
        if heard.terms.amount_cents is None:
            return "amount_cents is missing; a charge needs one"
        return common_refusal(
            heard.saga_id,
            heard.terms,
            now=self.now,
            odds=self.odds,
            unlucky_word=CARD_DECLINED,
        )

    def undo_fails(self, row: Row[Terms]) -> bool:
        """Whether this attempt at the refund fails."""
        return self.odds.undo_fails(row.saga_id, row.terms.faults, row.attempts)

    def reference(self) -> str:
        """A fresh payment id."""
        return self.new_reference()

    def did(self, row: Row[Terms]) -> Movement:
        """The charge."""
        return _movement(Kind.CHARGE, row)

    def undid(self, row: Row[Terms]) -> Movement:
        """The refund: the amount that the row says was charged, never what the undo says."""
        return _movement(Kind.REFUND, row)


def _movement(kind: Kind, row: Row[Terms]) -> Movement:
    amount_cents = row.terms.amount_cents
    if amount_cents is None:
        message = f"saga {row.saga_id} was charged without an amount"
        raise AssertionError(message)
    return Movement(row.saga_id, kind, amount_cents, row.terms.currency)
