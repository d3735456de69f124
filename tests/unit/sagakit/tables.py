"""The contract's tables of a participant, cell by cell, as data: what is stored, what is heard,
what must follow.

Copied from the contract by hand, on purpose: it must not be derived from the code that it is
compared with.
"""

from typing import NamedTuple

from sagakit.core.participant import Ask, Outcome, Word

DONE, REFUSED, OWED, UNDONE, VOID = (
    Outcome.DONE,
    Outcome.REFUSED,
    Outcome.OWED,
    Outcome.UNDONE,
    Outcome.VOID,
)


class Announced(NamedTuple):
    """Choreography: stored, asked, with cancel, the world's judgement -> stored after,
    announced.
    """

    stored: Outcome | None
    ask: Ask
    cancel: bool
    judgement: str
    """`ok`, `refuse` (a do would be refused) or `fail` (an undo would fail); it matters only where
    said.
    """
    after: Outcome | None
    word: Word | None


CHOREOGRAPHY = [
    # nothing stored
    Announced(None, Ask.DO, False, "ok", DONE, Word.DONE),
    Announced(None, Ask.DO, False, "refuse", REFUSED, Word.REFUSED),
    Announced(None, Ask.DO, True, "ok", VOID, Word.REFUSED),
    Announced(None, Ask.DO, True, "refuse", VOID, Word.REFUSED),
    Announced(None, Ask.UNDO, False, "ok", VOID, Word.REFUSED),
    Announced(None, Ask.UNDO, False, "fail", VOID, Word.REFUSED),
    Announced(None, Ask.INSIST, False, "ok", None, None),
    # done
    Announced(DONE, Ask.DO, False, "ok", DONE, Word.DONE),
    Announced(DONE, Ask.DO, False, "refuse", DONE, Word.DONE),
    Announced(DONE, Ask.DO, True, "ok", DONE, Word.DONE),
    Announced(DONE, Ask.UNDO, False, "ok", UNDONE, Word.UNDONE),
    Announced(DONE, Ask.UNDO, False, "fail", OWED, None),
    Announced(DONE, Ask.INSIST, False, "ok", DONE, Word.DONE),
    # refused
    Announced(REFUSED, Ask.DO, False, "ok", REFUSED, Word.REFUSED),
    Announced(REFUSED, Ask.DO, True, "ok", REFUSED, Word.REFUSED),
    Announced(REFUSED, Ask.UNDO, False, "ok", REFUSED, Word.REFUSED),
    Announced(REFUSED, Ask.UNDO, False, "fail", REFUSED, Word.REFUSED),
    # an undo is owed
    Announced(OWED, Ask.DO, False, "ok", OWED, None),
    Announced(OWED, Ask.DO, True, "ok", OWED, None),
    Announced(OWED, Ask.UNDO, False, "ok", OWED, None),
    Announced(OWED, Ask.UNDO, False, "fail", OWED, None),
    Announced(OWED, Ask.INSIST, False, "ok", UNDONE, Word.UNDONE),
    Announced(OWED, Ask.INSIST, False, "fail", OWED, None),
    # undone
    Announced(UNDONE, Ask.DO, False, "ok", UNDONE, Word.UNDONE),
    Announced(UNDONE, Ask.DO, True, "ok", UNDONE, Word.UNDONE),
    Announced(UNDONE, Ask.UNDO, False, "ok", UNDONE, Word.UNDONE),
    Announced(UNDONE, Ask.UNDO, False, "fail", UNDONE, Word.UNDONE),
    # fenced off
    Announced(VOID, Ask.DO, False, "ok", VOID, Word.REFUSED),
    Announced(VOID, Ask.DO, True, "ok", VOID, Word.REFUSED),
    Announced(VOID, Ask.UNDO, False, "ok", VOID, Word.REFUSED),
]


class Replied(NamedTuple):
    """Orchestration: stored, asked, the world's judgement -> stored after, ok, reason."""

    stored: Outcome | None
    ask: Ask
    judgement: str
    after: Outcome
    ok: bool
    reason: str | None
    """None where the contract leaves the words open."""


ORCHESTRATION = [
    Replied(None, Ask.DO, "ok", DONE, True, ""),
    Replied(None, Ask.DO, "refuse", REFUSED, False, "no"),
    Replied(None, Ask.UNDO, "ok", VOID, True, ""),
    Replied(None, Ask.UNDO, "fail", VOID, True, ""),
    Replied(DONE, Ask.DO, "ok", DONE, True, ""),
    Replied(DONE, Ask.DO, "refuse", DONE, True, ""),
    Replied(DONE, Ask.UNDO, "ok", UNDONE, True, ""),
    Replied(DONE, Ask.UNDO, "fail", DONE, False, None),
    Replied(REFUSED, Ask.DO, "ok", REFUSED, False, "no"),
    Replied(REFUSED, Ask.UNDO, "ok", REFUSED, True, ""),
    Replied(REFUSED, Ask.UNDO, "fail", REFUSED, True, ""),
    Replied(UNDONE, Ask.DO, "ok", UNDONE, False, "undone"),
    Replied(UNDONE, Ask.UNDO, "ok", UNDONE, True, ""),
    Replied(UNDONE, Ask.UNDO, "fail", UNDONE, True, ""),
    Replied(VOID, Ask.DO, "ok", VOID, False, "void"),
    Replied(VOID, Ask.UNDO, "ok", VOID, True, ""),
    Replied(VOID, Ask.UNDO, "fail", VOID, True, ""),
]
