"""What goes into a drink: the one list of recipes.

Pure data; units are grams, millilitres or pieces.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from saga.contract import HOUSE_DRINK

Units = Mapping[str, int]
"""Units by ingredient."""

RECIPES: Final[Mapping[str, Units]] = MappingProxyType(
    {
        "espresso": {"beans": 18, "cups": 1},
        "flat-white": {"beans": 18, "milk": 150, "cups": 1},
        "geisha": {"geisha-beans": 18, "cups": 1},
    }
)


def needed(drink: str, quantity: int) -> Units | None:
    """What so many drinks take, or None for a drink that has no recipe.

    No drink is the house drink, 0 means 1.
    """
    recipe = RECIPES.get(drink or HOUSE_DRINK)
    if recipe is None:
        return None
    cups = quantity or 1
    return {ingredient: units * cups for ingredient, units in recipe.items()}
