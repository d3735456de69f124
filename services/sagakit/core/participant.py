"""A participant of a saga: one row a saga, one table of what is done and said, for both modes.

A saga's participant moves through few states. It has not heard of the saga (no row), it did its
part, it refused, it owes an undo, it undid, or it fenced the saga off because the undo came before
the do:

    (none) --do--> DONE | REFUSED         DONE --undo--> UNDONE, or in choreography OWED
    (none) --undo or cancel--> VOID       OWED --own timer--> UNDONE

REFUSED, UNDONE and VOID are final. A *do* acts only where there is no row; an undo acts only on
DONE. Whatever else is heard is a duplicate or late, changes nothing, and is answered with what is
stored (rules 2, 3, 4 of the contract). What is impossible by construction: to act twice, to undo
what was not done, to act after the undo.

`decide` turns a row and what was heard into at most one event, `evolve` applies the event, `answer`
says what the row says. There is no other place where a participant's state changes. Bounds, faults
and stock come in as `Facts`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Generic, NamedTuple, TypeVar, assert_never

T = TypeVar("T")
"""The terms of the business: this module passes them on and never looks inside."""


class Outcome(StrEnum):
    """The stored state of a participant's part in one saga; no row is None."""

    DONE = "DONE"
    REFUSED = "REFUSED"
    OWED = "OWED"
    UNDONE = "UNDONE"
    VOID = "VOID"


class Ask(Enum):
    """What a message (or the participant's own timer) asks for."""

    DO = "do"
    UNDO = "undo"
    INSIST = "insist"


class Heard(NamedTuple, Generic[T]):
    """One message in the participant's own terms. `mode` is the contract's short form.

    `cancel` marks a do that must not be begun any more; `reason` is the cause of an undo, passed on
    to who hears of it. A named tuple: thousands a second are made.
    """

    saga_id: str
    mode: str
    ask: Ask
    terms: T
    reason: str = ""
    cancel: bool = False


class Row(NamedTuple, Generic[T]):
    """The participant's memory of one saga. `reference` is the id of what was done (`pay-…`), empty
    where nothing was.

    `occurred_at` is the time of the outcome. `attempts` counts undos that failed. `version` is the
    stored one, 0 before the first write.
    """

    saga_id: str
    mode: str
    outcome: Outcome
    terms: T
    occurred_at: datetime
    reference: str = ""
    reason: str = ""
    attempts: int = 0
    parked: bool = False
    version: int = 0


class Facts(NamedTuple):
    """What the world says at this moment: the database's clock, a fresh reference, and the two
    judgements.

    `refusal` is why a do would be refused (None: it would succeed); `undo_fails` is whether an undo
    would fail now. Both are ignored where the tables leave no choice.
    """

    now: datetime
    reference: str
    refusal: str | None
    undo_fails: bool
    park_after_attempts: int = 10


# ---------------------------------------------------------------- events: what a decision came to


@dataclass(frozen=True, slots=True)
class Did(Generic[T]):
    """The action was done."""

    terms: T
    reference: str


@dataclass(frozen=True, slots=True)
class Refused(Generic[T]):
    """The action was refused, for good."""

    terms: T
    reason: str


@dataclass(frozen=True, slots=True)
class Voided(Generic[T]):
    """Nothing was done and never will be: the fence."""

    terms: T
    reason: str


@dataclass(frozen=True, slots=True)
class Undid:
    """What was done is undone."""

    reason: str


@dataclass(frozen=True, slots=True)
class UndoFailed:
    """The undo was tried and failed; it stays owed."""

    reason: str
    parked: bool


Event = Did[T] | Refused[T] | Voided[T] | Undid | UndoFailed


def decide(row: Row[T] | None, heard: Heard[T], facts: Facts) -> Event[T] | None:
    """The event that follows, or None where what is heard changes nothing."""
    if row is None:
        return _decide_unknown(heard, facts)
    match row.outcome:
        case Outcome.REFUSED | Outcome.UNDONE | Outcome.VOID:
            return None
        case Outcome.DONE:
            return _undo(row, heard, facts) if heard.ask is Ask.UNDO else None
        case Outcome.OWED:
            insists = heard.ask is Ask.INSIST and not row.parked
            return _undo(row, heard, facts) if insists else None
        case _:
            assert_never(row.outcome)


def _decide_unknown(heard: Heard[T], facts: Facts) -> Event[T] | None:
    match heard.ask:
        case Ask.UNDO:
            return Voided(heard.terms, "void")
        case Ask.DO if heard.cancel:
            return Voided(heard.terms, "cancelled")
        case Ask.DO if facts.refusal is not None:
            return Refused(heard.terms, facts.refusal)
        case Ask.DO:
            return Did(heard.terms, facts.reference)
        case Ask.INSIST:
            return None
        case _:
            assert_never(heard.ask)


def _undo(row: Row[T], heard: Heard[T], facts: Facts) -> Event[T]:
    """In choreography the owed undo keeps its first cause; in orchestration the attempts are
    counted by who commands.
    """
    reason = row.reason if row.outcome is Outcome.OWED else heard.reason
    if not facts.undo_fails:
        return Undid(reason)
    # Attempts are never set back: after a person's retry it parks after as many more.
    parks = row.mode == "choreo" and (row.attempts + 1) % facts.park_after_attempts == 0
    return UndoFailed(reason, parked=parks)


def evolve(row: Row[T] | None, event: Event[T], heard: Heard[T], now: datetime) -> Row[T]:
    """The row after `event`. The version is the store's and stays."""
    if row is None:
        return _begin(event, heard, now)
    match event:
        case Undid(reason=reason):
            return row._replace(
                outcome=Outcome.UNDONE, reason=reason, occurred_at=now, parked=False
            )
        case UndoFailed(reason=reason, parked=parked):
            # Orchestration keeps DONE: the orchestrator insists, and its next command finds the row
            # as it was.
            owed = row.mode == "choreo"
            return row._replace(
                outcome=Outcome.OWED if owed else Outcome.DONE,
                reason=reason if owed else row.reason,
                attempts=row.attempts + 1,
                parked=parked,
            )
        case Did() | Refused() | Voided():
            message = f"{type(event).__name__} for saga {row.saga_id}, which has a row already"
            raise AssertionError(message)
        case _:
            assert_never(event)


def _begin(event: Event[T], heard: Heard[T], now: datetime) -> Row[T]:
    match event:
        case Did(terms=terms, reference=reference):
            return Row(heard.saga_id, heard.mode, Outcome.DONE, terms, now, reference=reference)
        case Refused(terms=terms, reason=reason):
            return Row(heard.saga_id, heard.mode, Outcome.REFUSED, terms, now, reason=reason)
        case Voided(terms=terms, reason=reason):
            return Row(heard.saga_id, heard.mode, Outcome.VOID, terms, now, reason=reason)
        case Undid() | UndoFailed():
            message = f"{type(event).__name__} for saga {heard.saga_id}, which has no row"
            raise AssertionError(message)
        case _:
            assert_never(event)


def tried_again(row: Row[T]) -> Row[T] | None:
    """The row after a person's retry: an owed undo is no longer parked; None where none is owed.

    It stays owed until an attempt succeeds, and what was counted stays counted.
    """
    return row._replace(parked=False) if row.outcome is Outcome.OWED else None


# ---------------------------------------------------------------- what the row says


class Word(Enum):
    """What choreography announces: the done, the refused or the undone event of the participant."""

    DONE = "done"
    REFUSED = "refused"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Reply:
    """What orchestration is told of the command that was heard."""

    ask: Ask
    ok: bool
    reason: str = ""


def announce(row: Row[T]) -> Word | None:
    """Choreography: the event that says the stored state; None only while an undo is owed (rule
    2).
    """
    match row.outcome:
        case Outcome.DONE:
            return Word.DONE
        case Outcome.REFUSED | Outcome.VOID:
            return Word.REFUSED
        case Outcome.UNDONE:
            return Word.UNDONE
        case Outcome.OWED:
            return None
        case _:
            assert_never(row.outcome)


def reply(row: Row[T], ask: Ask, *, undo_failed: bool) -> Reply:
    """Orchestration: the answer to a command, by stored outcome and action."""
    if ask is Ask.DO:
        match row.outcome:
            case Outcome.DONE:
                return Reply(ask, ok=True)
            case Outcome.REFUSED:
                return Reply(ask, ok=False, reason=row.reason)
            case Outcome.UNDONE:
                return Reply(ask, ok=False, reason="undone")
            case Outcome.VOID:
                return Reply(ask, ok=False, reason="void")
            case Outcome.OWED:
                return Reply(ask, ok=False, reason="undone")
            case _:
                assert_never(row.outcome)
    return Reply(ask, ok=not undo_failed, reason="try again" if undo_failed else "")
