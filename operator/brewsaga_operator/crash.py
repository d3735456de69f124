"""Points at which tests let the operator die, as a killed pod does. No-ops unless one is armed.

Each stands where something was done and is not yet written down, or the other way round. A test
dies at every one of them and sees that nothing is done twice and nothing stays on.
"""

import os
from enum import StrEnum
from typing import Final

EXIT_CODE: Final = 137
"""As after SIGKILL: no handler, no finally."""


class Point(StrEnum):
    """Every point there is."""

    BATCH_PLACED = "batch-placed"
    """The order service has the batch; the status does not say so."""
    EXPERIMENT_MADE = "experiment-made"
    """The experiment of a BrewSaga is there; the status does not say so."""
    UNDO_WRITTEN = "undo-written"
    """The status says how to take back what is not yet put on."""
    FAULT_INJECTED = "fault-injected"
    """The fault is on; the status does not say so."""
    FAULT_RECOVERED = "fault-recovered"
    """The fault is off; the status does not say so."""
    VERDICT_REACHED = "verdict-reached"
    """All is measured; the verdict is not written."""


class Crash:
    """Dies at the armed point, once."""

    def __init__(self, armed: str = "") -> None:
        self._armed = Point(armed) if armed else None

    def at(self, point: Point) -> None:
        """Die here, if this point is armed."""
        if point is self._armed:
            os._exit(EXIT_CODE)
