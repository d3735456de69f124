"""How long a worker lets its next batch fill: pure, from how busy it was with the last one."""

from typing import Final

BUSY_SHARE: Final = 0.25
"""A worker that is at work for this share of the time lets its batches fill."""
PATIENCE_SECONDS_MAX: Final = 0.1
"""How long that may take, as it is added to each step of a saga."""


def patience_seconds(worked_seconds: float, passed_seconds: float) -> float:
    """How long the next batch may fill, where the last one was worked on for `worked_seconds` of
    the `passed_seconds` since the one before it.

    Nothing is waited for while there is time to spare. A worker that is busy takes more at once:
    what a batch costs by itself is then paid less often, and a saga that moves several times
    meanwhile is loaded and written once.
    """
    if worked_seconds < BUSY_SHARE * passed_seconds:
        return 0.0
    return min(worked_seconds, PATIENCE_SECONDS_MAX)
