"""Carries out what a person asks for, and remembers who, why, before and after.

The change and its row of the trail are written together, each change guarded by what was looked at:
what has moved meanwhile is looked at again. A dry run is the same look without the change. What a
verb does is a service's affair (`Remedy`); nothing here hurries: what is due again is said by the
one runner that caps the rate (`resay`). It must not know any business.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sagakit.core.repair import Asked, Case, Choice, Verb
from sagakit.shell.database import passes
from sagakit.shell.headers import clean
from sagakit.shell.lines import insertion, write_lines
from sagakit.shell.ports import Conflict, Connection, Write
from sagakit.shell.runtime import Runtime, Transaction

OVERTAKEN_MAX: Final = 20
"""A page that is overtaken so often by other processes is given up; the command may be repeated."""
OVERTAKEN_PAUSE_SECONDS: Final = 0.05

_TRAIL: Final = (
    ("repair_id", "uuid"),
    ("verb", "text"),
    ("subject", "text"),
    ("saga_id", "text"),
    ("mode", "text"),
    ("who", "text"),
    ("why", "text"),
    ("before", "jsonb"),
    ("after", "jsonb"),
)
_REMEMBER: Final = insertion("repairs", _TRAIL)
_READ: Final = """
SELECT number, repair_id::text, verb, subject, saga_id, mode, who, why, before, after, created_at
  FROM repairs
 WHERE ($1::text IS NULL OR saga_id = $1) AND ($2::uuid IS NULL OR repair_id = $2)
   AND ($3::text IS NULL OR verb = $3) AND ($4::bigint IS NULL OR number < $4)
 ORDER BY number DESC LIMIT $5
"""


log = logging.getLogger(__name__)


class Remedy(Protocol):
    """What one verb does in one service."""

    filters: frozenset[str]
    """The fields of a choice that it can tell apart. A filter that it passed over would widen what
    a person does, so any other is refused."""
    together: bool
    """Whether a page is one transaction; else each case has its own, as one may fail."""

    async def look(self, connection: Connection, choice: Choice) -> list[Case]:
        """The chosen cases, and what would become of each. Changes nothing."""

    async def act(
        self, transaction: Transaction, cases: Sequence[Case], refused: Exception | None
    ) -> None:
        """Do it in this transaction, guarded by what was looked at. Raises Conflict.

        `refused` is what the database said when a case of its own was tried just now.
        """

    async def acted(
        self, connection: Connection, cases: Sequence[Case], measured: Sequence[int]
    ) -> None:
        """Called after COMMIT, with what the writes measured."""


class Overtaken(Exception):  # noqa: N818 - named for what happened, as in `Conflict`
    """Others moved the same sagas again and again; nothing of this page was changed."""


@dataclass(frozen=True, slots=True)
class Page:
    """What was looked at or done. `after` continues, None on the last page."""

    cases: list[Case] = field(default_factory=list)
    after: str | None = None


class Repairs:
    """The verbs of one service, and their trail."""

    def __init__(self, runtime: Runtime, remedies: Mapping[Verb, Remedy]) -> None:
        self.service = runtime.service
        self.remedies = remedies
        self._runtime = runtime

    async def look(self, verb: Verb, choice: Choice) -> Page:
        """A dry run. Nothing is written, and nothing remembered."""
        async with self._runtime.pool.acquire() as connection:
            return _page(await self.remedies[verb].look(connection, choice), choice)

    async def carry_out(self, asked: Asked, choice: Choice) -> Page:
        """One page. Raises Overtaken, and what the database raises while it is away."""
        remedy = self.remedies[asked.verb]
        if remedy.together:
            return _page(await self._insist(remedy, asked, choice), choice)
        found = await self.look(asked.verb, choice)
        cases: list[Case] = []
        for case in found.cases:
            one = Choice(ids=(case.subject,), limit=1)
            cases += await self._insist(remedy, asked, one)
        return Page(cases, found.after)

    async def trail(
        self,
        saga_id: str | None = None,
        repair_id: str | None = None,
        verb: Verb | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """What was done, the latest first; `before` is the number at which a page ended."""
        async with self._runtime.pool.acquire() as connection:
            rows = await connection.fetch(_READ, saga_id, repair_id, verb, before, limit)
        return [
            {**dict(row), "before": json.loads(row["before"]), "after": json.loads(row["after"])}
            for row in rows
        ]

    async def _insist(self, remedy: Remedy, asked: Asked, choice: Choice) -> list[Case]:
        attempt = 1
        refused: Exception | None = None
        while True:
            try:
                return await self._once(remedy, asked, choice, refused)
            except Conflict as error:
                if attempt == OVERTAKEN_MAX:
                    text = f"others moved the same {attempt} times; nothing of it was changed"
                    raise Overtaken(text) from error
            except Exception as error:
                lasts = not passes(error)
                if attempt == OVERTAKEN_MAX or (lasts and (remedy.together or refused)):
                    raise
                refused = error if lasts else refused
            attempt += 1
            await asyncio.sleep(OVERTAKEN_PAUSE_SECONDS)

    async def _once(
        self, remedy: Remedy, asked: Asked, choice: Choice, refused: Exception | None
    ) -> list[Case]:
        async with self._runtime.transaction(asked.verb.value) as transaction:
            cases = await remedy.look(transaction.connection, choice)
            changing = [case for case in cases if case.after is not None]
            if changing:
                await remedy.act(transaction, changing, refused)
                transaction.write(_remembered(asked, changing))
        if changing:
            await self._tell(remedy, changing, transaction.measured)
        return cases

    async def _tell(self, remedy: Remedy, cases: Sequence[Case], measured: Sequence[int]) -> None:
        """What is committed stays, whatever fails now."""
        try:
            async with self._runtime.pool.acquire() as connection:
                await remedy.acted(connection, cases, measured)
        except Exception:
            log.exception("after COMMIT: what was repaired stays so")


def _page(cases: list[Case], choice: Choice) -> Page:
    full = choice.ids is None and len(cases) >= choice.limit
    return Page(cases, cases[-1].subject if full else None)


def _remembered(asked: Asked, cases: Sequence[Case]) -> list[Write]:
    who, why = clean(asked.who), clean(asked.why)
    lines = [
        (
            asked.repair_id,
            asked.verb.value,
            case.subject,
            case.saga_id,
            case.mode,
            who,
            why,
            json.dumps(case.before),
            json.dumps(case.after),
        )
        for case in cases
    ]
    return write_lines(_REMEMBER, _TRAIL, lines)
