"""What is done on the page by hand, for its tests and its pictures: the addresses, and orders of
every kind. It must not know how the page is judged.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from e2e.browser import MISSING, Tab, browser, chromium
from e2e.world import World

WIDTHS: Final = {1280: "desk", 768: "tablet", 375: "phone"}
STUCK_AFTER_SECONDS: Final = 3
NO_COURIER: Final = "button[value='shipment=100']"
SLOWLY: Final = "button[value='delay:1s;shipment=100']"
LANES: Final = (
    "[...document.querySelectorAll('.waterfall li')].map(li => "
    "li.querySelector('.step').textContent + ' ' + li.querySelector('.word').textContent)"
)
ALL_UNDONE: Final = [
    "payment ok",
    "inventory ok",
    "shipment refused",
    "release undo",
    "refund undo",
]


@asynccontextmanager
async def tab_or_skip() -> AsyncIterator[Tab]:
    """A browser's tab; where there is no browser, the line that says what to install."""
    program = chromium()
    if program is None:
        pytest.skip(MISSING)
    async with browser(program) as tab:
        yield tab


def home(here: World) -> str:
    return here.places["order"].url


async def orders_of_every_kind(here: World) -> dict[str, str]:
    """One saga id a kind of end; all have ended."""
    kinds = {
        "choreo": ("", "payment=100", "inventory=100", "shipment=100;delay:100ms"),
        "orch": ("", "payment=100", "shipment=100;refund=60;delay:100ms"),
    }
    placed = {}
    for mode, faults in kinds.items():
        orders = [{"mode": mode, "faults": fault, "customer_id": "alice"} for fault in faults]
        ids = await here.place(orders)
        await here.ends(mode, ids, by_order=True)
        placed |= {f"{mode} {fault}": saga for fault, saga in zip(faults, ids, strict=True)}
    return placed


def addresses(placed: dict[str, str]) -> dict[str, str]:
    """Every page by name, as it is shown in pictures and judged in tests."""
    choreo, orch = placed["choreo shipment=100;delay:100ms"], placed["orch "]
    return {
        "overview": "/",
        "sagas": "/sagas",
        "saga": f"/sagas/{choreo}",
        "compare": f"/compare?choreo={placed['choreo ']}&orch={orch}",
        "error": "/sagas/no-such-saga",
    }
