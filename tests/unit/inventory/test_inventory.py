"""Inventory's own rules: recipes, a shelf that a batch empties, releases of what was taken."""

from datetime import UTC, datetime

import pytest

from inventory.domain import OUT_OF_STOCK, Kind, Move, Shelf
from inventory.recipes import Units, needed
from saga.terms import Terms
from sagakit.core.chance import Odds
from sagakit.core.fold import fold
from sagakit.core.participant import Ask, Heard, Outcome, Row

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ODDS = Odds("inventory", "release", "seed")


def shelf(**available: int) -> Shelf:
    stock = {name.replace("_", "-"): units for name, units in available.items()}
    return Shelf(NOW, ODDS, lambda: "res-1", stock, {})


def reserve(saga_id: str, drink: str = "espresso", quantity: int = 1) -> Heard[Terms]:
    return Heard(saga_id, "choreo", Ask.DO, Terms(drink=drink, quantity=quantity))


@pytest.mark.parametrize(
    ("drink", "quantity", "units"),
    [
        ("espresso", 1, {"beans": 18, "cups": 1}),
        ("", 0, {"beans": 18, "cups": 1}),
        ("flat-white", 2, {"beans": 36, "milk": 300, "cups": 2}),
        ("geisha", 5, {"geisha-beans": 90, "cups": 5}),
        ("tea", 1, None),
    ],
)
def test_what_a_drink_takes(drink: str, quantity: int, units: Units | None) -> None:
    assert needed(drink, quantity) == units


def test_a_drink_without_a_recipe_is_out_of_stock() -> None:
    assert shelf(beans=100, cups=9).refusal(reserve("a", "tea")) == OUT_OF_STOCK


def test_an_ingredient_that_nobody_ever_had_is_out_of_stock() -> None:
    assert shelf(cups=9).refusal(reserve("a", "geisha")) == OUT_OF_STOCK


def test_a_batch_cannot_take_more_than_there_is() -> None:
    heard = [reserve("a"), reserve("b"), reserve("c")]
    folded = fold(heard, {}, shelf(beans=40, cups=9), NOW, 10)
    outcomes = [row.outcome for row in folded.changed.values()]
    assert outcomes == [Outcome.DONE, Outcome.DONE, Outcome.REFUSED]
    assert folded.changed["c"].reason == OUT_OF_STOCK


def test_what_is_put_back_in_a_batch_can_be_taken_in_it() -> None:
    undo = Heard("a", "choreo", Ask.UNDO, Terms())
    heard = [reserve("a"), reserve("b"), undo, reserve("c")]
    folded = fold(heard, {}, shelf(beans=18, cups=9), NOW, 10)
    outcomes = {saga_id: row.outcome for saga_id, row in folded.changed.items()}
    assert outcomes == {"a": Outcome.UNDONE, "b": Outcome.REFUSED, "c": Outcome.DONE}


def test_a_release_puts_back_what_the_moves_say_and_not_what_the_recipe_says() -> None:
    here = shelf(beans=0)
    here.reserved["a"] = {"beans": 21}
    row = Row("a", "orch", Outcome.UNDONE, Terms(drink="espresso", quantity=1), NOW)
    assert here.undid(row) == Move("a", Kind.RELEASE, {"beans": 21})
    assert here.available["beans"] == 21
