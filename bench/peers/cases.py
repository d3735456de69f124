"""The scenarios, as data: what goes wrong, and how the saga must end all the same.

Where a step could have been done or not, both consistent ends are right: an engine may go on or
back. A row says nothing of any engine. `needs` names what an engine must have for the case to mean
anything; one without it is given the answer "not applicable", with its reason.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from peers.judge import End
from peers.ledger import FOR_EVER, Fault, Kind
from peers.steps import Action

LATE_SECONDS: Final = 8.0
"""Four times what a step waits for its participant."""

CANCEL_SECONDS: Final = 1.0
"""A call is in hand so long after a cancel was asked for."""


class Need(StrEnum):
    """What not every engine has."""

    CANCEL = "cancel"
    SAME_ID = "an id of the caller's"
    MESSAGES = "steps that are messages"
    SERVER = "a store or server of its own"


class Then(StrEnum):
    """What else somebody does."""

    START_AGAIN = "start again while it is open"
    START_AT_ONCE = "start twice at the same moment"
    START_AFTER_END = "start again when it has ended"
    CANCEL_AFTER_END = "cancel when it has ended"
    MEND = "lift the faults, and take it up again where the engine gave up"
    UNDO_FIRST = "deliver a refund before it begins"
    REPEAT = "deliver what was delivered again"


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario. Seconds: to lift the faults after, to look again after the end."""

    name: str
    says: str
    end: End
    faults: tuple[Fault, ...] = ()
    then: Then | None = None
    needs: tuple[Need, ...] = ()
    mend_after_seconds: float = 0.0
    settle_seconds: float = 1.0


def _at(action: Action, kind: Kind, times: int = 1, seconds: float = 0.0) -> Fault:
    return Fault(action, kind, times, seconds)


CHARGE, RESERVE, SHIP = Action.CHARGE, Action.RESERVE, Action.SHIP
RELEASE, REFUND = Action.RELEASE, Action.REFUND
DELIVERED, UNDONE, EITHER = End.DELIVERED, End.UNDONE, End.EITHER
NO_COURIER: Final = _at(SHIP, Kind.REFUSE)

_CRASHES: Final = tuple(
    Case(
        f"crash-{'before' if kind is Kind.KILL_BEFORE else 'after'}-{action}",
        f"the worker is killed -9 {words} {action}",
        end,
        (*before, _at(action, kind)),
    )
    for action, end, before in (
        (CHARGE, EITHER, ()),
        (RESERVE, EITHER, ()),
        (SHIP, EITHER, ()),
        (RELEASE, UNDONE, (NO_COURIER,)),
        (REFUND, UNDONE, (NO_COURIER,)),
    )
    for kind, words in ((Kind.KILL_BEFORE, "just before"), (Kind.KILL_AFTER, "just after"))
)

CASES: Final = (
    Case("plain", "nothing goes wrong", DELIVERED),
    Case("refused-charge", "the card is declined", UNDONE, (_at(CHARGE, Kind.REFUSE),)),
    Case("refused-reserve", "out of stock", UNDONE, (_at(RESERVE, Kind.REFUSE),)),
    Case("refused-ship", "no courier: undone in reverse order", UNDONE, (NO_COURIER,)),
    *_CRASHES,
    Case(
        "crash-after-every-step",
        "the worker is killed -9 after charge, after reserve and after ship",
        EITHER,
        tuple(_at(action, Kind.KILL_AFTER) for action in (CHARGE, RESERVE, SHIP)),
    ),
    Case(
        "crash-of-everything",
        "worker and store are killed -9 after reserve",
        EITHER,
        (_at(RESERVE, Kind.KILL_ALL_AFTER),),
        needs=(Need.SERVER,),
    ),
    Case(
        "orderly-stop",
        "the worker is asked to stop (SIGTERM) in mid-saga, and started again",
        EITHER,
        (_at(RESERVE, Kind.STOP_AFTER),),
    ),
    Case("answer-lost-charge", "charged, and the answer lost", EITHER, (_at(CHARGE, Kind.LOSE),)),
    Case("answer-lost-ship", "shipped, and the answer lost", EITHER, (_at(SHIP, Kind.LOSE),)),
    Case(
        "answer-lost-refund",
        "refunded, and the answer lost",
        UNDONE,
        (NO_COURIER, _at(REFUND, Kind.LOSE)),
    ),
    Case(
        "participant-down",
        "inventory answers with errors six times",
        EITHER,
        (_at(RESERVE, Kind.FAIL, 6),),
    ),
    Case(
        "refund-fails-once",
        "the refund fails once",
        UNDONE,
        (NO_COURIER, _at(REFUND, Kind.FAIL)),
    ),
    Case(
        "release-fails-once",
        "the release fails once; the refund waits for it",
        UNDONE,
        (NO_COURIER, _at(RELEASE, Kind.FAIL)),
    ),
    Case(
        "refund-fails-for-ever",
        "the refund fails until it is mended after ten seconds",
        UNDONE,
        (NO_COURIER, _at(REFUND, Kind.FAIL, FOR_EVER)),
        then=Then.MEND,
        mend_after_seconds=10.0,
    ),
    Case(
        "release-fails-for-ever",
        "the release fails until it is mended after ten seconds; no refund before it",
        UNDONE,
        (NO_COURIER, _at(RELEASE, Kind.FAIL, FOR_EVER)),
        then=Then.MEND,
        mend_after_seconds=10.0,
    ),
    Case(
        "late-charge",
        "charged only when the step has long timed out",
        EITHER,
        (_at(CHARGE, Kind.LATE, 1, LATE_SECONDS),),
        settle_seconds=LATE_SECONDS,
    ),
    Case(
        "late-reserve",
        "reserved only when the step has long timed out",
        EITHER,
        (_at(RESERVE, Kind.LATE, 1, LATE_SECONDS),),
        settle_seconds=LATE_SECONDS,
    ),
    Case(
        "late-ship",
        "shipped only when the step has long timed out: never shipped and refunded",
        EITHER,
        (_at(SHIP, Kind.LATE, 1, LATE_SECONDS),),
        settle_seconds=LATE_SECONDS,
    ),
    Case(
        "late-refund",
        "refunded only when the compensation has long timed out",
        UNDONE,
        (NO_COURIER, _at(REFUND, Kind.LATE, 1, LATE_SECONDS)),
        settle_seconds=LATE_SECONDS,
    ),
    Case(
        "start-again",
        "started again with the same id while it is open",
        EITHER,
        (_at(RESERVE, Kind.FAIL, 2),),
        then=Then.START_AGAIN,
        needs=(Need.SAME_ID,),
    ),
    Case(
        "start-at-once",
        "started twice with the same id at the same moment",
        DELIVERED,
        then=Then.START_AT_ONCE,
        needs=(Need.SAME_ID,),
    ),
    Case(
        "start-after-delivery",
        "started again with the same id when it was delivered",
        DELIVERED,
        then=Then.START_AFTER_END,
        needs=(Need.SAME_ID,),
        settle_seconds=3.0,
    ),
    Case(
        "start-after-undo",
        "started again with the same id when it was undone: an end is an end",
        UNDONE,
        (NO_COURIER,),
        then=Then.START_AFTER_END,
        needs=(Need.SAME_ID,),
        settle_seconds=3.0,
    ),
    Case(
        "delivered-twice",
        "every message is delivered twice",
        DELIVERED,
        then=Then.REPEAT,
        needs=(Need.MESSAGES,),
        settle_seconds=3.0,
    ),
    Case(
        "undo-before-do",
        "a refund is delivered before the charge that it undoes",
        EITHER,
        then=Then.UNDO_FIRST,
        needs=(Need.MESSAGES,),
        settle_seconds=3.0,
    ),
    Case(
        "store-restart",
        "the store is killed -9 after reserve, and comes back",
        EITHER,
        (_at(RESERVE, Kind.STORE_AFTER),),
        needs=(Need.SERVER,),
    ),
    Case(
        "store-restart-undoing",
        "the store is killed -9 after release, and comes back",
        UNDONE,
        (NO_COURIER, _at(RELEASE, Kind.STORE_AFTER)),
        needs=(Need.SERVER,),
    ),
    Case(
        "cancel-at-charge",
        "cancelled while the charge is in hand",
        EITHER,
        (_at(CHARGE, Kind.CANCEL, 1, CANCEL_SECONDS),),
        needs=(Need.CANCEL,),
    ),
    Case(
        "cancel-at-ship",
        "cancelled while the shipment is in hand: never shipped and refunded",
        EITHER,
        (_at(SHIP, Kind.CANCEL, 1, CANCEL_SECONDS),),
        needs=(Need.CANCEL,),
    ),
    Case(
        "cancel-then-late-charge",
        "cancelled while a charge is late: the undo may come before what it undoes",
        EITHER,
        (_at(CHARGE, Kind.CANCEL, 1, LATE_SECONDS),),
        needs=(Need.CANCEL,),
        settle_seconds=LATE_SECONDS,
    ),
    Case(
        "cancel-after-delivery",
        "cancelled when it was delivered: an end is an end",
        DELIVERED,
        then=Then.CANCEL_AFTER_END,
        needs=(Need.CANCEL,),
        settle_seconds=3.0,
    ),
)
BY_NAME: Final = {case.name: case for case in CASES}
