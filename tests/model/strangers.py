"""Participants that are not ours: other programs that speak the contract's messages and remember
less.

Each says all that such a program may do and say when it is asked. They must not use the production
rules.
"""

from model.rules import Memory, Taken
from sagakit.core.participant import Ask, Outcome, Reply, Word

DONE, REFUSED, UNDONE = (
    Memory(Outcome.DONE),
    Memory(Outcome.REFUSED),
    Memory(Outcome.UNDONE),
)


def _says(mode: str, ask: Ask, word: Word) -> Word | Reply:
    return word if mode == "choreo" else Reply(ask, ok=word is not Word.REFUSED)


def forgetful(_: Memory | None, ask: Ask, _cancel: bool, mode: str) -> list[Taken]:
    """No memory at all: every message is acted upon as if it were the first."""
    if ask is Ask.DO:
        return [
            Taken(None, "do", _says(mode, ask, Word.DONE)),
            Taken(None, "", _says(mode, ask, Word.REFUSED)),
        ]
    return [Taken(None, "undo", _says(mode, ask, Word.UNDONE))]


def remembers_answers(memory: Memory | None, ask: Ask, _cancel: bool, mode: str) -> list[Taken]:
    """One row a saga, refusals too, but no fence: a do after the undo repeats its first answer."""
    if ask is Ask.DO:
        if memory is None:
            return [
                Taken(DONE, "do", _says(mode, ask, Word.DONE)),
                Taken(REFUSED, "", _says(mode, ask, Word.REFUSED)),
            ]
        word = Word.REFUSED if memory == REFUSED else Word.DONE
        return [Taken(memory, "", _says(mode, ask, word))]
    effect = "undo" if memory == DONE else ""
    return [Taken(UNDONE, effect, _says(mode, ask, Word.UNDONE))]


def remembers_successes(memory: Memory | None, ask: Ask, _cancel: bool, mode: str) -> list[Taken]:
    """A row for what was done only: a refusal is decided again, and so is a do after the undo."""
    if ask is Ask.DO:
        effect = "" if memory == DONE else "do"
        taken = [Taken(DONE, effect, _says(mode, ask, Word.DONE))]
        refusal = Taken(None, "", _says(mode, ask, Word.REFUSED))
        return [*taken, refusal] if memory is None else taken
    effect = "undo" if memory == DONE else ""
    return [Taken(UNDONE, effect, _says(mode, ask, Word.UNDONE))]
