"""The contract's tables of a participant, cell by cell, as data: what is stored, what is heard, what must follow.

Copied from the contract by hand, on purpose: it must not be derived from the code that it is compared with.
"""

from typing import NamedTuple

from sagakit.core.participant import Ask, Outcome, Word

D, R, O, U, V = (
    Outcome.DONE,
    Outcome.REFUSED,
    Outcome.OWED,
    Outcome.UNDONE,
    Outcome.VOID,
)


class Announced(NamedTuple):
    """Choreography: stored, asked, with cancel, the world's judgement -> stored after, announced."""

    stored: Outcome | None
    ask: Ask
    cancel: bool
    judgement: str
    """`ok`, `refuse` (a do would be refused) or `fail` (an undo would fail); it matters only where said."""
    after: Outcome | None
    word: Word | None


CHOREOGRAPHY = [
    # nothing stored
    Announced(None, Ask.DO, False, "ok", D, Word.DONE),
    Announced(None, Ask.DO, False, "refuse", R, Word.REFUSED),
    Announced(None, Ask.DO, True, "ok", V, Word.REFUSED),
    Announced(None, Ask.DO, True, "refuse", V, Word.REFUSED),
    Announced(None, Ask.UNDO, False, "ok", V, Word.REFUSED),
    Announced(None, Ask.UNDO, False, "fail", V, Word.REFUSED),
    Announced(None, Ask.INSIST, False, "ok", None, None),
    # done
    Announced(D, Ask.DO, False, "ok", D, Word.DONE),
    Announced(D, Ask.DO, False, "refuse", D, Word.DONE),
    Announced(D, Ask.DO, True, "ok", D, Word.DONE),
    Announced(D, Ask.UNDO, False, "ok", U, Word.UNDONE),
    Announced(D, Ask.UNDO, False, "fail", O, None),
    Announced(D, Ask.INSIST, False, "ok", D, Word.DONE),
    # refused
    Announced(R, Ask.DO, False, "ok", R, Word.REFUSED),
    Announced(R, Ask.DO, True, "ok", R, Word.REFUSED),
    Announced(R, Ask.UNDO, False, "ok", R, Word.REFUSED),
    Announced(R, Ask.UNDO, False, "fail", R, Word.REFUSED),
    # an undo is owed
    Announced(O, Ask.DO, False, "ok", O, None),
    Announced(O, Ask.DO, True, "ok", O, None),
    Announced(O, Ask.UNDO, False, "ok", O, None),
    Announced(O, Ask.UNDO, False, "fail", O, None),
    Announced(O, Ask.INSIST, False, "ok", U, Word.UNDONE),
    Announced(O, Ask.INSIST, False, "fail", O, None),
    # undone
    Announced(U, Ask.DO, False, "ok", U, Word.UNDONE),
    Announced(U, Ask.DO, True, "ok", U, Word.UNDONE),
    Announced(U, Ask.UNDO, False, "ok", U, Word.UNDONE),
    Announced(U, Ask.UNDO, False, "fail", U, Word.UNDONE),
    # fenced off
    Announced(V, Ask.DO, False, "ok", V, Word.REFUSED),
    Announced(V, Ask.DO, True, "ok", V, Word.REFUSED),
    Announced(V, Ask.UNDO, False, "ok", V, Word.REFUSED),
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
    Replied(None, Ask.DO, "ok", D, True, ""),
    Replied(None, Ask.DO, "refuse", R, False, "no"),
    Replied(None, Ask.UNDO, "ok", V, True, ""),
    Replied(None, Ask.UNDO, "fail", V, True, ""),
    Replied(D, Ask.DO, "ok", D, True, ""),
    Replied(D, Ask.DO, "refuse", D, True, ""),
    Replied(D, Ask.UNDO, "ok", U, True, ""),
    Replied(D, Ask.UNDO, "fail", D, False, None),
    Replied(R, Ask.DO, "ok", R, False, "no"),
    Replied(R, Ask.UNDO, "ok", R, True, ""),
    Replied(R, Ask.UNDO, "fail", R, True, ""),
    Replied(U, Ask.DO, "ok", U, False, "undone"),
    Replied(U, Ask.UNDO, "ok", U, True, ""),
    Replied(U, Ask.UNDO, "fail", U, True, ""),
    Replied(V, Ask.DO, "ok", V, False, "void"),
    Replied(V, Ask.UNDO, "ok", V, True, ""),
    Replied(V, Ask.UNDO, "fail", V, True, ""),
]
