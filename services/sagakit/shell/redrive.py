"""Dead letters: listed with their history, and given to the handler again from their table.

What was put aside for a cause that has passed (a service that could not read it yet, a row that was
not there) is handled; what still cannot be handled stays a dead letter, counted once more. The
handler judges it like any message that comes late or twice, by the rows that are stored, so a
letter can be redriven at any time. It must not know any business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from sagakit.core.deadletters import Poison, Reason
from sagakit.core.repair import Case, Choice
from sagakit.shell import dead
from sagakit.shell.database import passes
from sagakit.shell.headers import clean
from sagakit.shell.metrics import Metrics
from sagakit.shell.ports import Conflict, Connection, Handled, Handler, Message, Record, Write
from sagakit.shell.runtime import Transaction

ID_DIGITS_MAX: Final = 18
"""A longer number is no dead letter's."""

_COLUMNS: Final = """
id, mode, topic, partition, "offset", key, size_bytes, reason, detail, saga_id, heard_at, redrives,
redriven_at, handled_at"""
_FITS: Final = """
  FROM dead_letters
 WHERE ($1::bigint[] IS NULL OR id = ANY($1)) AND mode = ANY($2::text[])
   AND ($3::text IS NULL OR topic = $3) AND ($4::text IS NULL OR reason = $4)
   AND ($5::timestamptz IS NULL OR heard_at >= $5) AND id > $6 AND (handled_at IS NULL OR NOT $7)
 ORDER BY id LIMIT $8"""
_LIST: Final = f"SELECT {_COLUMNS} {_FITS}"
_CHOOSE: Final = f"SELECT {_COLUMNS}, payload {_FITS}"
_HANDLED: Final = """
UPDATE dead_letters SET redrives = redrives + 1, redriven_at = now(), handled_at = now()
 WHERE id = $1 AND redrives = $2 AND handled_at IS NULL"""
_STILL_DEAD: Final = """
UPDATE dead_letters SET redrives = redrives + 1, redriven_at = now()
 WHERE id = $1 AND redrives = $2 AND handled_at IS NULL"""


@dataclass(frozen=True, slots=True)
class Try:
    """What the handler made of a letter: what is to be written (None: it is still dead)."""

    handler: Handler[Any]
    handled: Handled | None
    reason: str = ""
    detail: str = ""


class Redrive:
    """`repairs.Remedy`. A letter is a transaction of its own, so that one culprit harms no other.

    `handlers` are those of every mode of the service: whatever this process listens to, a letter
    is judged by the rows of the one database.
    """

    filters = frozenset({"mode", "topic", "reason", "since"})
    together = False

    def __init__(self, handlers: Sequence[Handler[Any]], metrics: Metrics) -> None:
        self._handlers: Mapping[str, Handler[Any]] = {one.mode: one for one in handlers}
        self._metrics = metrics

    async def listed(self, connection: Connection, choice: Choice) -> list[asyncpg.Record]:
        """The letters that fit, also those that were handled at last where ids are given."""
        return await connection.fetch(_LIST, *self._chosen(choice))

    async def look(self, connection: Connection, choice: Choice) -> list[Case]:
        """Ask the handler, which writes nothing by itself, what it would do now."""
        rows = await connection.fetch(_CHOOSE, *self._chosen(choice))
        return [await self._case(connection, row) for row in rows]

    async def act(
        self, transaction: Transaction, cases: Sequence[Case], refused: Exception | None
    ) -> None:
        """Write what the handler decided, and that the letter was tried.

        What it decided may be refused by the database: then the letter is still dead.
        """
        for case in cases:
            tried: Try = case.work
            if tried.handled is not None and refused is not None:
                case.work = tried = Try(tried.handler, None, Reason.HANDLER_ERROR, _told(refused))
                _judge(case)
            if tried.handled is not None:
                transaction.write(tried.handled.writes)
                transaction.say(tried.handled.outgoing)
            mark = _STILL_DEAD if tried.handled is None else _HANDLED
            transaction.write([Write(mark, [int(case.subject), case.before["redrives"]], 1)])

    async def acted(
        self, connection: Connection, cases: Sequence[Case], measured: Sequence[int]
    ) -> None:
        """Tell the handler that it is true, and count what it counts."""
        for case in cases:
            tried: Try = case.work
            if tried.handled is not None:
                # A letter is alone in its transaction, and what it leads to was written first.
                tried.handled.measured = list(measured[: len(tried.handled.writes)])
                await tried.handler.committed(connection, tried.handled)
                self._metrics.observe_all(tried.handled.observations)

    def _chosen(self, choice: Choice) -> tuple[Any, ...]:
        ids = None if choice.ids is None else [int(one) for one in choice.ids if _is_number(one)]
        modes = [mode for mode in self._handlers if choice.mode in (None, mode)]
        after = int(choice.after) if _is_number(choice.after) else 0
        only_open = choice.ids is None
        chosen = (ids, modes, choice.topic, choice.reason, choice.since, after, only_open)
        return (*chosen, choice.limit)

    async def _case(self, connection: Connection, row: asyncpg.Record) -> Case:
        before = {"reason": row["reason"], "detail": row["detail"], "redrives": row["redrives"]}
        case = Case(str(row["id"]), row["saga_id"], row["mode"], "", before, None)
        if row["handled_at"] is not None:
            case.note = f"it was handled at {row['handled_at'].isoformat()}"
            return case
        case.work = await self._try(connection, row)
        _judge(case)
        return case

    async def _try(self, connection: Connection, row: asyncpg.Record) -> Try:
        handler = self._handlers[row["mode"]]
        record = Record(row["topic"], row["partition"], row["offset"], row["key"], row["payload"])
        if row["payload"] is not None and row["size_bytes"] > len(row["payload"]):
            detail = f"the table keeps {len(row['payload'])} of its {row['size_bytes']} bytes"
            return Try(handler, None, Reason.OVERSIZED, detail)
        unreadable = dead.unreadable(record)
        if unreadable is not None:
            return Try(handler, None, unreadable.reason, unreadable.detail)
        try:
            message = Message(record, handler.decode(record))
            async with connection.transaction():  # an error in it ends no more than this
                handled = await handler.handle(connection, [message])
        except Poison as poison:
            return Try(handler, None, poison.reason, poison.detail)
        except Exception as error:
            if isinstance(error, Conflict) or passes(error):
                raise
            return Try(handler, None, Reason.HANDLER_ERROR, _told(error))
        if handled.dead:
            return Try(handler, None, handled.dead[0].reason, handled.dead[0].detail)
        return Try(handler, handled)


def _judge(case: Case) -> None:
    """What the try comes to, as it is shown and remembered."""
    tried: Try = case.work
    count = case.before["redrives"] + 1
    if tried.handled is not None:
        case.after = {"reason": "", "detail": "", "redrives": count}
        case.note = "handled"
    else:
        case.after = {"reason": str(tried.reason), "detail": tried.detail, "redrives": count}
        case.note = "still a dead letter"


def _told(error: Exception) -> str:
    return clean(f"{type(error).__name__}: {error}")[: dead.DETAIL_CHARACTERS_MAX]


def _is_number(text: str) -> bool:
    return text.isdecimal() and text.isascii() and len(text) <= ID_DIGITS_MAX
