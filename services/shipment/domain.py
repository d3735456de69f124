"""What shipment judges and what it does: one courier a saga, out of those on duty. Pure.

This is the step that cannot be undone, so there is no undo here, and no fault that could fail one.
This module must not know of topics, of bytes or of SQL.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zlib import crc32

from saga import terms
from saga.judgement import common_refusal
from saga.terms import Terms
from sagakit.core.chance import Odds
from sagakit.core.participant import Heard, Row

STEP: Final = "shipment"
NO_UNDO_STEP: Final = ""
NO_COURIER_CAPACITY: Final = "no courier capacity"
"""Said where no courier is on duty, and to an injected fault."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A saga and the courier who was sent."""

    saga_id: str
    courier_id: str


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Shipment's judgement for one batch (`sagakit.core.fold.Judge`).

    `couriers` are those on duty, in a fixed order.
    """

    now: datetime
    odds: Odds
    new_reference: Callable[[], str]
    couriers: Sequence[str]

    def contradiction(self, known: Terms, heard: Terms) -> str | None:
        """Another amount or currency for a known saga."""
        return terms.contradiction(known, heard)

    def refusal(self, heard: Heard[Terms]) -> str | None:
        """Bounds, deadline, faults, then the couriers."""
        refusal = common_refusal(
            heard.saga_id,
            heard.terms,
            now=self.now,
            odds=self.odds,
            unlucky_word=NO_COURIER_CAPACITY,
        )
        if refusal is not None:
            return refusal
        return None if self.couriers else NO_COURIER_CAPACITY

    def undo_fails(self, row: Row[Terms]) -> bool:
        """Never asked: no message asks shipment to undo anything."""
        message = f"saga {row.saga_id}: a shipment cannot be undone, so no undo can fail"
        raise AssertionError(message)

    def reference(self) -> str:
        """A fresh shipment id."""
        return self.new_reference()

    def did(self, row: Row[Terms]) -> Assignment:
        """Send the courier whom the saga's hash names: chance as data, as with faults (rule 9)."""
        number = crc32(row.saga_id.encode()) % len(self.couriers)
        return Assignment(row.saga_id, self.couriers[number])

    def undid(self, row: Row[Terms]) -> None:
        """Never asked, as above."""
        message = f"saga {row.saga_id}: a shipment cannot be undone"
        raise AssertionError(message)
