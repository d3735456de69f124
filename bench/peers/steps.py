"""The words that cases, ledger and adapters share: three steps, and what undoes two of them.

Standard library alone, since every peer's environment imports it.
"""

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What a participant is asked for."""

    CHARGE = "charge"
    RESERVE = "reserve"
    SHIP = "ship"
    RELEASE = "release"
    REFUND = "refund"


FORWARD: Final = (Action.CHARGE, Action.RESERVE, Action.SHIP)
UNDO: Final = {Action.CHARGE: Action.REFUND, Action.RESERVE: Action.RELEASE}
DO: Final = {undo: do for do, undo in UNDO.items()}


class Claim(StrEnum):
    """What an engine says of a saga: used to know when to look, and held against the ledger."""

    OPEN = "open"
    COMPLETED = "completed"
    UNDONE = "undone"
    """Ended, with everything undone or refused."""
    BROKEN = "broken"
    """Ended, and the engine itself says that not everything was undone."""
