"""Draws lines again and again in place, for people who watch; without a terminal, once.

Knows no API and no saga.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

EVERY_SECONDS: Final = 1.0


def _until_ctrl_c() -> contextlib.suppress:
    """Which is how people end it, and no error."""
    return contextlib.suppress(asyncio.CancelledError)


async def show(ask: Callable[[], Awaitable[Sequence[str]]], *, again: bool) -> None:
    """Print what `ask` says; `again` and a terminal: until Ctrl-C."""
    lines = await ask()
    if not again or not sys.stdout.isatty():
        print("\n".join(lines))
        return
    with Live(console=Console(), auto_refresh=False) as live, _until_ctrl_c():
        while True:
            live.update(Text("\n".join(lines)), refresh=True)
            await asyncio.sleep(EVERY_SECONDS)
            lines = await ask()
