"""The verdict on one saga from what its participants did, in order. Pure.

It must not know an engine. What the engine says of its saga is held against the ledger, and is
never evidence for itself.
"""

from collections import Counter
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from peers.steps import DO, FORWARD, UNDO, Action, Claim


class End(Enum):
    """How a saga should end, by the ledger."""

    DELIVERED = auto()
    UNDONE = auto()
    EITHER = auto()


CLAIMS: Final = {End.DELIVERED: Claim.COMPLETED, End.UNDONE: Claim.UNDONE}


def faults_of(effects: Sequence[Action], expected: End, claim: Claim) -> list[str]:
    """What is wrong with a saga that should have ended; empty: nothing."""
    found = broken_rules(effects)
    reached = end_of(effects)
    if reached is None:
        found.append(f"left half done: {told(effects)}")
    elif expected is not End.EITHER and reached is not expected:
        found.append(f"{told(effects)}, though it should end {expected.name.lower()}")
    if claim is Claim.OPEN:
        found.append("never said to have ended")
    elif reached is None or claim is not CLAIMS[reached]:
        found.append(f"the engine says {claim.value!r}: {told(effects)}")
    return found


def broken_rules(effects: Sequence[Action]) -> list[str]:
    """What may hold at no time, whether the saga has ended or not."""
    found = [f"{action} {times} times" for action, times in Counter(effects).items() if times > 1]
    for number, action in enumerate(effects):
        before = effects[:number]
        if action in DO and DO[action] not in before:
            found.append(f"{action} of what was never done")
    if Action.SHIP in effects:
        found += [f"shipped and {undo}" for undo in UNDO.values() if undo in effects]
    if Action.RELEASE in effects and Action.REFUND in effects[: effects.index(Action.RELEASE)]:
        found.append("undone in the wrong order: refund before release")
    return found


def end_of(effects: Sequence[Action]) -> End | None:
    """Which end the ledger shows; None: money or stock is held by a saga that delivers nothing."""
    if set(effects) == set(FORWARD):
        return End.DELIVERED
    held = [do for do, undo in UNDO.items() if do in effects and undo not in effects]
    return None if held or Action.SHIP in effects else End.UNDONE


def told(effects: Sequence[Action]) -> str:
    """The moves in their order, as a line."""
    return " > ".join(effects) or "nothing was done"
