from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sagakit.shell.ports import Connection, Handled
from sagakit.shell.resay import Resayer
from sagakit.shell.runtime import Runtime


@dataclass
class Spoken:
    """A `Due` that says nothing, and remembers that its backoff began anew."""

    name: str = "cups"
    resets: int = 0

    async def due(self, connection: Connection, limit: int) -> Handled:
        return Handled()

    async def reset(self, connection: Connection) -> None:
        self.resets += 1


@dataclass
class Broker:
    """A runtime of which only the broker's answers matter here."""

    has_answered: bool
    recovered: list[Callable[[], None]] = field(default_factory=list)

    def answers(self) -> None:
        self.has_answered = True
        for tell in self.recovered:
            tell()

    def runtime(self) -> Runtime:
        @asynccontextmanager
        async def transaction(_purpose: str) -> AsyncIterator[Any]:
            yield SimpleNamespace(
                connection=None, write=lambda _writes: None, say=lambda _outgoing: None
            )

        plumbing = SimpleNamespace(
            settings=SimpleNamespace(resay_rate_per_second=10),
            publisher=self,
            transaction=transaction,
            healthy=lambda: self.has_answered,
        )
        return cast("Runtime", plumbing)


@pytest.mark.parametrize("answered_before_it_was_built", [True, False])
async def test_an_outage_begins_the_backoff_anew_and_the_first_answer_does_not(
    answered_before_it_was_built: bool,
) -> None:
    """A service with an API starts that first: the broker has answered by then."""
    broker, due = Broker(answered_before_it_was_built), Spoken()
    resayer = Resayer(broker.runtime(), [due])
    if not answered_before_it_was_built:
        broker.answers()
    await resayer._ask(due)
    assert due.resets == 0
    broker.answers()
    await resayer._ask(due)
    assert due.resets == 1
    await resayer._ask(due)
    assert due.resets == 1
