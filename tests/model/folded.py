"""A participant's whole batch as production folds it, in the place of a single decision.

With this participant the search runs through `fold`, where rows, judgements and answers meet; its
counts must be those of the bare functions.
"""

from dataclasses import dataclass

from model.rules import NEVER, NOW, Memory, Taken, recall
from sagakit.core.fold import fold
from sagakit.core.participant import Ask, Heard, Row


@dataclass(frozen=True)
class Scripted:
    """A judge that says what it is told."""

    refuses: bool
    undo_breaks: bool

    def contradiction(self, known: None, heard: None) -> str | None:
        return None

    def refusal(self, heard: Heard[None]) -> str | None:
        return "no" if self.refuses else None

    def undo_fails(self, row: Row[None]) -> bool:
        return self.undo_breaks

    def reference(self) -> str:
        return "id"

    def did(self, row: Row[None]) -> str | None:
        return "do"

    def undid(self, row: Row[None]) -> str | None:
        return "undo"


def through_fold(memory: Memory | None, ask: Ask, cancel: bool, mode: str) -> list[Taken]:
    """All that a participant may do with one message, as its handler's fold does it."""
    row = recall(mode, memory)
    stored = {} if row is None else {"s": row}
    heard = [Heard("s", mode, ask, None, cancel=cancel)]
    found: list[Taken] = []
    for refuses in (False, True):
        for undo_breaks in (False, True):
            folded = fold(heard, stored, Scripted(refuses, undo_breaks), NOW, NEVER)
            after = folded.changed.get("s", row)
            kept = None if after is None else Memory(after.outcome)
            effect = folded.effects[0] if folded.effects else ""
            speech = folded.answers[0].speech if folded.answers else None
            found.append(Taken(kept, effect, speech))
    return found
