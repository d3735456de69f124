"""What inventory judges and what it moves: units set aside for a saga, or exactly those put back.

Pure.

Stock is moved, not counted. `Shelf` is the judgement for one batch: what was on the shelf when the
batch was loaded, less what the batch itself has taken. This module must not know of topics, of
bytes or of SQL.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from inventory.recipes import Units, needed
from saga import terms
from saga.judgement import common_refusal
from saga.terms import Terms
from sagakit.core.chance import Odds
from sagakit.core.participant import Heard, Row

STEP: Final = "inventory"
UNDO_STEP: Final = "release"
OUT_OF_STOCK: Final = "out of stock"
"""Said where there is too little, where a drink has no recipe, and to an injected fault."""


class Kind(StrEnum):
    """The two movements of a saga, as the table of moves says them."""

    RESERVE = "reserve"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Move:
    """Units by ingredient that a saga moves from available to reserved, or back."""

    saga_id: str
    kind: Kind
    units: Units


@dataclass(slots=True)
class Shelf:
    """Inventory's judgement for one batch (`sagakit.core.fold.Judge`).

    `available` is changed by what is taken and put back; `reserved` is what sagas hold, by the
    table of moves and by this batch.
    """

    now: datetime
    odds: Odds
    new_reference: Callable[[], str]
    available: dict[str, int]
    reserved: dict[str, Units]

    def contradiction(self, known: Terms, heard: Terms) -> str | None:
        """Another amount or currency for a known saga."""
        return terms.contradiction(known, heard)

    def refusal(self, heard: Heard[Terms]) -> str | None:
        """Bounds, deadline, faults, then the shelf."""
        refusal = common_refusal(
            heard.saga_id, heard.terms, now=self.now, odds=self.odds, unlucky_word=OUT_OF_STOCK
        )
        if refusal is not None:
            return refusal
        units = needed(heard.terms.drink, heard.terms.quantity)
        if units is None or not self._has(units):
            return OUT_OF_STOCK
        return None

    def undo_fails(self, row: Row[Terms]) -> bool:
        """Whether this attempt at the release fails."""
        return self.odds.undo_fails(row.saga_id, row.terms.faults, row.attempts)

    def reference(self) -> str:
        """A fresh reservation id."""
        return self.new_reference()

    def did(self, row: Row[Terms]) -> Move:
        """Take what the order needs from the shelf."""
        units = needed(row.terms.drink, row.terms.quantity) or {}
        for ingredient, count in units.items():
            self.available[ingredient] -= count
        self.reserved[row.saga_id] = units
        return Move(row.saga_id, Kind.RESERVE, units)

    def undid(self, row: Row[Terms]) -> Move:
        """Put back exactly what the saga holds: a recipe may have changed since."""
        units = self.reserved.pop(row.saga_id, {})
        for ingredient, count in units.items():
            self.available[ingredient] = self.available.get(ingredient, 0) + count
        return Move(row.saga_id, Kind.RELEASE, units)

    def _has(self, units: Mapping[str, int]) -> bool:
        return all(self.available.get(name, 0) >= count for name, count in units.items())
