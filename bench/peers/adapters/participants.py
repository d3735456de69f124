"""How a step asks its participant: one request to the side ledger, with saga and action as its key.

Without a ledger (when speed is measured) every step succeeds at once, so that a peer's figure is
its engine's alone.
"""

import asyncio
import os
import urllib.error
import urllib.request
from typing import Final

from peers.steps import Action

LEDGER_URL: Final = os.environ.get("PEERS_LEDGER_URL", "")
ANSWER_SECONDS: Final = 2.0
"""How long a step waits for its participant. A case that answers late takes four times that."""

RETRY_SECONDS: Final = 0.5
"""Between two attempts at a step or a compensation, where an engine leaves it to its user."""

ATTEMPTS: Final = 1_000
"""Where an engine wants a number: as near to "for ever" as it gets."""

_REFUSED: Final = 409


class UnansweredError(Exception):
    """Nobody knows whether it was done: ask again."""


def call(action: Action, saga: str) -> bool:
    """Whether it was done; False is a definite refusal. Raises UnansweredError."""
    if not LEDGER_URL:
        return True
    request = urllib.request.Request(f"{LEDGER_URL}/{action}/{saga}", method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):  # noqa: S310 - loopback
            return True
    except urllib.error.HTTPError as error:
        if error.code == _REFUSED:
            return False
        raise UnansweredError(f"{action} of {saga}: {error}") from error
    except OSError as error:
        raise UnansweredError(f"{action} of {saga}: {error}") from error


async def call_async(action: Action, saga: str) -> bool:
    """The same, for an event loop."""
    return await asyncio.to_thread(call, action, saga) if LEDGER_URL else True
