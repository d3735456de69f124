"""What the order service needs of the runtime that carries it: transactions that say something, and
the pool.

The kit's runtime fits it; tests give their own. Knows no SQL.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sagakit.shell.ports import Connection, Outgoing


class Transaction(Protocol):
    """One open transaction. What is said in it is written before COMMIT and published after it."""

    @property
    def connection(self) -> Connection: ...

    def say(self, outgoing: Sequence[Outgoing]) -> None: ...


class Runtime(Protocol):
    """The part of the kit's runtime that is used here."""

    @property
    def pool(self) -> Any: ...

    def transaction(self, purpose: str) -> AbstractAsyncContextManager[Transaction]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that placing, saying again and following share."""

    modes: tuple[str, ...] = ("choreo", "orch")
    max_in_flight: int = 50_000
    resay_after_seconds: float = 5.0
    resay_max_seconds: float = 30.0


Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The process's clock, in UTC: used only for what is told to people and for deadlines asked for
    in seconds.
    """
    return datetime.now(UTC)
