"""Which orders the demonstration places: the same ones in both modes, drawn from a seed. Pure.

At least one order is refused at each of the three steps, whatever the seed; the rest is chance that
repeats.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final

Order = dict[str, Any]

DRINKS: Final = ("espresso", "flat-white", "espresso", "flat-white", "espresso")
CUSTOMERS: Final = ("alice", "bob", "chandra", "dilan", "eve")

SURE: Final = (
    "",
    "payment=100",
    "inventory=100",
    "shipment=100",
    "shipment=100;refund=50",
    "shipment=100;release=50",
)
"""What the first orders of each mode are made to suffer; the rest suffer `CHANCE_PERCENT`."""

CHANCE_PERCENT: Final = (("payment", 8), ("inventory", 8), ("shipment", 14))
"""How many of the other orders are refused at which step."""

GEISHA_EVERY: Final = 7
"""Every so many orders is for the drink of which there are five cups: the shelf runs empty by
itself.
"""


def orders(count: int, seed: str) -> Iterator[Order]:
    """So many orders of one mode."""
    for index in range(count):
        sure = index < len(SURE)
        geisha = not sure and index % GEISHA_EVERY == 0
        drawn = _draw(seed, index)
        yield {
            "customer_id": CUSTOMERS[drawn % len(CUSTOMERS)],
            "drink": "geisha" if geisha else DRINKS[drawn % len(DRINKS)],
            "quantity": 1 if geisha else 1 + drawn % 3,
            "faults": SURE[index] if sure else ("" if geisha else _chance(seed, index)),
        }


def _chance(seed: str, index: int) -> str:
    """The fault of an order, the same one in both modes; usually none."""
    drawn, below = _draw(f"{seed} faults", index) % 100, 0
    for step, percent in CHANCE_PERCENT:
        below += percent
        if drawn < below:
            return f"{step}=100"
    return ""


def _draw(seed: str, index: int) -> int:
    digest = blake2b(f"{seed}\0{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")
