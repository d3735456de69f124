"""A batch of messages, folded in order over the rows that were loaded for it.

A saga that occurs twice in a batch meets the row that its first message left, as if each message
had a transaction of its own. Pure: what the world says comes in as a `Judge`, what changed comes
out as data. It must not know of any business, of storage or of the wire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar, assert_never

from sagakit.core.deadletters import Reason
from sagakit.core.participant import (
    Ask,
    Did,
    Event,
    Facts,
    Heard,
    Outcome,
    Refused,
    Reply,
    Row,
    Undid,
    UndoFailed,
    Voided,
    Word,
    announce,
    decide,
    evolve,
    reply,
)

T = TypeVar("T")
E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)
"""An effect of the business; this module passes it on and never looks inside."""

Speech = Word | Reply


class Judge(Protocol[T, E_co]):
    """The business, for one batch: it judges by what was loaded, less what the batch has taken."""

    def contradiction(self, known: T, heard: T) -> str | None:
        """How what is heard contradicts what is known, or None."""

    def refusal(self, heard: Heard[T]) -> str | None:
        """Why the do would be refused. Asked only where there is no row."""

    def undo_fails(self, row: Row[T]) -> bool:
        """Whether undoing now would fail; `row.attempts` have failed before."""

    def reference(self) -> str:
        """A fresh id for what is about to be done."""

    def did(self, row: Row[T]) -> E_co | None:
        """The effect of the do that led to `row`."""

    def undid(self, row: Row[T]) -> E_co | None:
        """The effect of the undo that led to `row`."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What is said to the message at `index`: an announcement of the row, or a reply."""

    index: int
    ask: Ask
    row: Row[T]
    speech: Speech


@dataclass(frozen=True, slots=True)
class Rejected:
    """The message at `index` becomes a dead letter; nothing is answered (rule 10)."""

    index: int
    reason: Reason
    detail: str


@dataclass(slots=True)
class Folded(Generic[T, E]):
    """What a batch came to.

    A changed row's `version` is still the loaded one; 0 means that it is new.
    """

    changed: dict[str, Row[T]] = field(default_factory=dict)
    effects: list[E] = field(default_factory=list)
    answers: list[Answer[T]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    duplicates: int = 0
    late: int = 0


def fold(
    heard: Sequence[Heard[T]],
    rows: Mapping[str, Row[T]],
    judge: Judge[T, E],
    now: datetime,
    park_after_attempts: int,
) -> Folded[T, E]:
    """Apply `heard` in order. `rows` are those that are stored; `now` is the database's clock."""
    folded: Folded[T, E] = Folded()
    for index, message in enumerate(heard):
        row = folded.changed.get(message.saga_id) or rows.get(message.saga_id)
        rejected = None if row is None else _judge_known(index, row, message, judge)
        if rejected is not None:
            folded.rejected.append(rejected)
            continue
        facts = _facts(row, message, judge, now, park_after_attempts)
        event = decide(row, message, facts)
        if event is None:
            _count_unchanged(folded, row, message)
        else:
            row = evolve(row, event, message, now)
            folded.changed[message.saga_id] = row
            _add_effect(folded, row, event, judge)
        if row is not None:
            _add_answer(folded, index, row, message, event)
    return folded


def _judge_known(index: int, row: Row[T], message: Heard[T], judge: Judge[T, E]) -> Rejected | None:
    if message.mode != row.mode:
        detail = f"saga {row.saga_id} runs in mode {row.mode}; this message is of {message.mode}"
        return Rejected(index, Reason.OTHER_MODE, detail)
    detail = judge.contradiction(row.terms, message.terms) or ""
    return Rejected(index, Reason.CONTRADICTION, detail) if detail else None


def _facts(
    row: Row[T] | None,
    message: Heard[T],
    judge: Judge[T, E],
    now: datetime,
    park_after_attempts: int,
) -> Facts:
    """Ask the world only what the tables leave open: a duplicate costs no judgement."""
    refusal, reference, undo_fails = None, "", False
    if row is None:
        if message.ask is Ask.DO and not message.cancel:
            refusal = judge.refusal(message)
            reference = "" if refusal is not None else judge.reference()
    elif message.ask is not Ask.DO and row.outcome in (Outcome.DONE, Outcome.OWED):
        undo_fails = judge.undo_fails(row)
    return Facts(now, reference, refusal, undo_fails, park_after_attempts)


def _add_effect(folded: Folded[T, E], row: Row[T], event: Event[T], judge: Judge[T, E]) -> None:
    match event:
        case Did():
            effect = judge.did(row)
        case Undid():
            effect = judge.undid(row)
        case Refused() | Voided() | UndoFailed():
            effect = None
        case _:
            assert_never(event)
    if effect is not None:
        folded.effects.append(effect)


def _count_unchanged(folded: Folded[T, E], row: Row[T] | None, message: Heard[T]) -> None:
    """Late is a do that comes after its undo; all else that changes nothing was heard before."""
    if row is None or message.ask is Ask.INSIST:
        return
    undone = row.outcome in (Outcome.UNDONE, Outcome.OWED, Outcome.VOID)
    if message.ask is Ask.DO and undone:
        folded.late += 1
    else:
        folded.duplicates += 1


def _add_answer(
    folded: Folded[T, E], index: int, row: Row[T], message: Heard[T], event: Event[T] | None
) -> None:
    speech: Speech | None
    if row.mode == "choreo":
        # A timer that found nothing to do has heard from no one, and answers no one.
        timer_found_nothing = message.ask is Ask.INSIST and event is None
        speech = None if timer_found_nothing else announce(row)
    else:
        speech = reply(row, message.ask, undo_failed=isinstance(event, UndoFailed))
    if speech is not None:
        folded.answers.append(Answer(index, message.ask, row, speech))
