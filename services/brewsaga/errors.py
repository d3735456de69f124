"""Errors as the command line prints them: what is wrong, and the next command to try.

And its exit codes.
"""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command; 3 to 5 only where an end was waited for or a verdict was
    asked for.
    """

    COMPLETED = 0
    ERROR = 1
    USAGE = 2
    ENDED_OTHERWISE = 3
    """Rejected or compensated."""
    NEEDS_A_PERSON = 4
    """Parked, or an invariant is broken."""
    TIMED_OUT = 5
    NOT_FOUND = 6


class CommandError(Exception):
    """A command cannot go on. `next_step` is what to try now."""

    def __init__(self, text: str, next_step: str, code: Exit = Exit.ERROR) -> None:
        super().__init__(text)
        self.next_step = next_step
        self.code = code
