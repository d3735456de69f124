"""A batch is folded as if each of its messages had a transaction of its own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sagakit.core.deadletters import Reason
from sagakit.core.fold import Folded, fold
from sagakit.core.participant import Ask, Heard, Outcome, Reply, Row, Word

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Shelf:
    """A judge with some units: it keeps count of what the batch itself has taken."""

    units: int = 1
    asked: list[str] = field(default_factory=list)

    def contradiction(self, known: int, heard: int) -> str | None:
        return f"was {known}, is now {heard}" if known != heard else None

    def refusal(self, heard: Heard[int]) -> str | None:
        self.asked.append(heard.saga_id)
        return None if self.units >= heard.terms else "empty"

    def undo_fails(self, row: Row[int]) -> bool:
        return False

    def reference(self) -> str:
        return f"ref-{len(self.asked)}"

    def did(self, row: Row[int]) -> str | None:
        self.units -= row.terms
        return f"took {row.saga_id}"

    def undid(self, row: Row[int]) -> str | None:
        self.units += row.terms
        return f"put back {row.saga_id}"


def hear(saga_id: str, ask: Ask = Ask.DO, terms: int = 1, mode: str = "choreo") -> Heard[int]:
    return Heard(saga_id, mode, ask, terms)


def folded(
    shelf: Shelf, *heard: Heard[int], rows: dict[str, Row[int]] | None = None
) -> Folded[int, str]:
    return fold(heard, rows or {}, shelf, NOW, park_after_attempts=10)


def speeches(result: Folded[int, str]) -> list[Word | Reply]:
    return [answer.speech for answer in result.answers]


def test_the_second_saga_of_a_batch_finds_the_shelf_that_the_first_left() -> None:
    result = folded(Shelf(), hear("a"), hear("b"))
    assert speeches(result) == [Word.DONE, Word.REFUSED]
    assert result.effects == ["took a"]
    assert result.changed["b"].reason == "empty"


def test_a_duplicate_in_one_batch_acts_once_and_is_answered_twice() -> None:
    shelf = Shelf()
    result = folded(shelf, hear("a"), hear("a"), hear("a"))
    assert speeches(result) == [Word.DONE] * 3
    assert (result.effects, result.duplicates, shelf.asked) == (["took a"], 2, ["a"])


def test_do_undo_do_in_one_batch_ends_undone() -> None:
    result = folded(Shelf(), hear("a"), hear("a", Ask.UNDO), hear("a"))
    assert speeches(result) == [Word.DONE, Word.UNDONE, Word.UNDONE]
    assert result.effects == ["took a", "put back a"]
    assert result.changed["a"].outcome is Outcome.UNDONE
    assert result.late == 1


def test_what_was_put_back_can_be_taken_by_the_next() -> None:
    result = folded(Shelf(), hear("a"), hear("b", Ask.UNDO), hear("a", Ask.UNDO), hear("c"))
    assert speeches(result) == [Word.DONE, Word.REFUSED, Word.UNDONE, Word.DONE]
    assert result.changed["b"].outcome is Outcome.VOID


def test_a_contradiction_or_the_other_mode_is_rejected_without_an_answer() -> None:
    result = folded(Shelf(2), hear("a"), hear("a", terms=2), hear("a", mode="orch"))
    assert [(each.index, each.reason) for each in result.rejected] == [
        (1, Reason.CONTRADICTION),
        (2, Reason.OTHER_MODE),
    ]
    assert [answer.index for answer in result.answers] == [0]
    assert result.effects == ["took a"]


def test_a_command_is_replied_to_by_its_own_action() -> None:
    asked = [hear("a", mode="orch"), hear("a", Ask.UNDO, mode="orch"), hear("a", mode="orch")]
    assert speeches(folded(Shelf(), *asked)) == [
        Reply(Ask.DO, ok=True),
        Reply(Ask.UNDO, ok=True),
        Reply(Ask.DO, ok=False, reason="undone"),
    ]


def test_a_timer_that_finds_nothing_to_do_says_nothing() -> None:
    done = folded(Shelf(), hear("a")).changed
    result = folded(Shelf(), hear("a", Ask.INSIST), hear("b", Ask.INSIST), rows=done)
    assert (result.answers, result.changed, result.duplicates) == ([], {}, 0)
