"""Takes the pictures of the web page for the README: `make pictures`.

Over a stack of its own, with orders of every kind, a stuck one among them; gone afterwards.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from brewsaga.stack import Stack, StackConfig, running
from e2e.browser import MISSING, browser, chromium
from e2e.page_story import addresses, home, orders_of_every_kind
from e2e.world import world

SHOWN: Final = ("overview", "saga", "compare")
WIDTH: Final = 1100
STUCK_ORDERS: Final = 3


async def take(stack: Stack, folder: Path, program: str) -> None:
    """Every page that is shown, in both themes."""
    with tempfile.TemporaryDirectory() as logs:
        async with (
            browser(program) as tab,
            world(stack, Path(logs), STUCK_AFTER_SECONDS="1") as here,
        ):
            placed = await orders_of_every_kind(here)
            here.kill(["shipment"])
            await here.place([{"mode": mode} for mode in ("choreo", "orch")] * STUCK_ORDERS)
            await tab.open(home(here) + "/")
            await tab.until("document.querySelector('#stuck')")
            for name in SHOWN:
                for dark in (False, True):
                    await tab.look(width=WIDTH, dark=dark)
                    await tab.open(home(here) + addresses(placed)[name])
                    path = folder / f"page-{name}-{'dark' if dark else 'light'}.png"
                    await tab.picture(path)
                    print(path)


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    program = chromium()
    if program is None:
        sys.stderr.write(f"{MISSING}\n")
        return 1
    with running(StackConfig.from_environment()) as stack:
        asyncio.run(take(stack, Path(arguments[0]), program))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
