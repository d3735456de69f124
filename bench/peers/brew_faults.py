"""What a case's faults are in BrewSaga's own terms: who is struck where, and with which tool. Pure.

BrewSaga's participants are its own services, so a fault is brought about in them: by the text that
travels with an order, by a switch, or by a crash point. Knows the contract, and starts nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from peers.ledger import Fault, Kind
from peers.steps import DO, FORWARD, Action
from saga import contract
from saga.contract import Mode, Topic
from sagakit.shell.crash_points import Point

SERVICE: Final = {
    Action.CHARGE: "payment",
    Action.REFUND: "payment",
    Action.RESERVE: "inventory",
    Action.RELEASE: "inventory",
    Action.SHIP: "shipment",
}
WORD: Final = {
    Action.CHARGE: "payment",
    Action.RESERVE: "inventory",
    Action.SHIP: "shipment",
    Action.RELEASE: "release",
    Action.REFUND: "refund",
}
"""A step's name in the text of faults."""

HEARD: Final[dict[Mode, dict[Action, Topic]]] = {
    Mode.CHOREO: {
        Action.CHARGE: contract.ORDER_REQUESTED,
        Action.RESERVE: contract.PAYMENT_COMPLETED,
        Action.SHIP: contract.INVENTORY_RESERVED,
        Action.RELEASE: contract.SHIPMENT_FAILED,
        Action.REFUND: contract.INVENTORY_RELEASED,
    },
    Mode.ORCH: {
        Action.CHARGE: contract.PAYMENT_COMMAND,
        Action.RESERVE: contract.INVENTORY_COMMAND,
        Action.SHIP: contract.SHIPMENT_COMMAND,
        Action.RELEASE: contract.INVENTORY_COMMAND,
        Action.REFUND: contract.PAYMENT_COMMAND,
    },
}
"""What asks for each action. The undo of a command comes on the same topic as a second message."""

POINTS: Final = {
    Kind.KILL_BEFORE: Point.BATCH_DECIDED,
    Kind.KILL_AFTER: Point.BATCH_COMMITTED,
    Kind.KILL_ALL_AFTER: Point.BATCH_COMMITTED,
    Kind.LOSE: Point.BATCH_COMMITTED,
}
"""Where a participant dies: before what it did is stored, or after it and before it is said."""

HOLD_SECONDS: Final = 2.0
"""How long an answer is held back while somebody else is struck."""

AWAY_SECONDS: Final = 0.5
"""For so long per failing call a participant is not there."""


@dataclass(frozen=True, slots=True)
class Armament:
    """A service that will die by itself, and which others die with it."""

    service: str
    action: Action
    kind: Kind

    def at(self, mode: Mode, saga: str, *, first: bool) -> str:
        """`CRASH_AT`. `first`: the process heard nothing of the saga before."""
        second = mode is Mode.ORCH and self.action in DO and not first
        return f"{POINTS[self.kind]}@{HEARD[mode][self.action].name}/{saga}#{2 if second else 1}"


def text_of(faults: Sequence[Fault]) -> str:
    """What travels with the order: refusals, and answers that are held back."""
    found = []
    for fault in faults:
        word = WORD[fault.at]
        if fault.kind is Kind.REFUSE:
            found.append(f"{word}=100")
        elif fault.kind in (Kind.STORE_AFTER, Kind.STOP_AFTER):
            found.append(f"{word}=0,delay:{HOLD_SECONDS:g}s")
        elif fault.kind is Kind.LATE and fault.at in DO:
            found.append(f"{word}=0,delay:{fault.seconds:g}s")
    return ";".join(found)


def armaments_of(faults: Sequence[Fault]) -> list[Armament]:
    return [Armament(SERVICE[f.at], f.at, f.kind) for f in faults if f.kind in POINTS]


def before(action: Action) -> set[Action]:
    """What was done by the time an action is asked for."""
    return set(FORWARD[: FORWARD.index(action)])
