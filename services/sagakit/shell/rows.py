"""A participant's rows: loaded for a batch, written under guard (rule 6), claimed when due.

One statement each for load, insert and update, however many rows there are. Table, reference column
and the columns of the terms are the service's; no other name of the business is known here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

import asyncpg

from sagakit.core.participant import Outcome, Row
from sagakit.core.repair import Choice, Waits
from sagakit.shell.lines import Columns, insertion, write_lines
from sagakit.shell.ports import Connection, Write

T = TypeVar("T")

BACKOFF_DOUBLINGS_MAX: Final = 16
"""An exponent beyond this changes nothing, since the backoff is capped; it only makes numbers long.
"""

_UPDATED: Final = (
    ("saga_id", "text"),
    ("version", "integer"),
    ("outcome", "text"),
    ("reason", "text"),
    ("attempts", "integer"),
    ("parked", "boolean"),
    ("next_attempt_at", "timestamptz"),
    ("occurred_at", "timestamptz"),
)
_HASTENED: Final = (("saga_id", "text"), ("version", "integer"))
_OUTCOMES: Final = {outcome.value: outcome for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """What a service's table looks like: names come from code, never from a message.

    `terms_columns` are (name, Postgres type), `terms_values` takes a T apart in that order, `terms`
    puts it together.
    """

    table: str
    reference: str
    terms_columns: Sequence[tuple[str, str]]
    terms_values: Callable[[T], tuple[Any, ...]]
    terms: Callable[..., T]


@dataclass(frozen=True, slots=True)
class Backoff:
    """When a failed undo is tried again: doubling from `first_seconds`, at most `max_seconds`."""

    first_seconds: float
    max_seconds: float

    def after(self, attempts: int) -> timedelta:
        """The wait after so many failures, at least one."""
        doublings = min(max(attempts - 1, 0), BACKOFF_DOUBLINGS_MAX)
        return timedelta(seconds=min(self.first_seconds * 2.0**doublings, self.max_seconds))


class RowTable(Generic[T]):
    """Reads and writes the rows of one participant. Holds no state but its SQL."""

    def __init__(self, shape: Shape[T], backoff: Backoff) -> None:
        self._shape = shape
        self._backoff = backoff
        self._inserted_columns = _inserted_columns(shape)
        self._select, self._insert, self._update, self._claim, self._reset = _statements(shape)
        self._owed, self._hasten = _owed_statements(shape)
        self._parked = f"SELECT count(*) FROM {shape.table} WHERE outcome = 'OWED' AND parked"  # noqa: S608

    async def load(
        self, connection: Connection, saga_ids: Collection[str]
    ) -> tuple[dict[str, Row[T]], datetime]:
        """The stored rows of these sagas and the database's clock, in one round trip."""
        records = await connection.fetch(self._select, list(saga_ids))
        now: datetime = records[0][0]
        rows = {record[1]: self._row(record) for record in records if record[1] is not None}
        return rows, now

    async def claim(
        self, connection: Connection, limit: int
    ) -> tuple[dict[str, Row[T]], datetime | None]:
        """Lock at most `limit` rows whose owed undo is due; no clock where there are none."""
        records = await connection.fetch(self._claim, limit)
        now = records[0][0] if records else None
        return {record[1]: self._row(record) for record in records}, now

    def writes(self, changed: Mapping[str, Row[T]], now: datetime) -> list[Write]:
        """Insert what is new and update what is known, guarded by its version."""
        ordered = sorted(changed.values(), key=_saga_id)
        fresh = [self._inserted(row) for row in ordered if row.version == 0]
        known = [self._updated(row, now) for row in ordered if row.version != 0]
        return [
            *write_lines(self._insert, self._inserted_columns, fresh),
            *write_lines(self._update, _UPDATED, known),
        ]

    async def reset(self, connection: Connection, jitter_seconds: float) -> None:
        """Every owed undo that is not parked becomes due within `jitter_seconds`."""
        await connection.execute(self._reset, jitter_seconds)

    async def count_parked(self, connection: Connection) -> int:
        """How many owed undos wait for a person."""
        found: int = await connection.fetchval(self._parked)
        return found

    async def owed(self, connection: Connection, choice: Choice) -> list[asyncpg.Record]:
        """The undos that are owed and fit, by saga, at most a page."""
        parked = None if choice.state is Waits.ANY else choice.state is Waits.PARKED
        ids = None if choice.ids is None else list(choice.ids)
        chosen = (ids, parked, choice.reason, choice.since, choice.after, choice.limit)
        return await connection.fetch(self._owed, *chosen)

    def hastened(self, rows: Sequence[Row[T]]) -> list[Write]:
        """Make owed undos due now, parked ones too, each guarded by the version that was loaded."""
        lines = sorted((row.saga_id, row.version) for row in rows)
        return write_lines(self._hasten, _HASTENED, lines)

    def _inserted(self, row: Row[T]) -> tuple[Any, ...]:
        """A new row owes nothing, so the table's defaults say the rest."""
        return (
            row.saga_id,
            row.mode,
            row.outcome.value,
            row.reference,
            row.reason,
            row.occurred_at,
            *self._shape.terms_values(row.terms),
        )

    def _updated(self, row: Row[T], now: datetime) -> tuple[Any, ...]:
        return (
            row.saga_id,
            row.version,
            row.outcome.value,
            row.reason,
            row.attempts,
            row.parked,
            self._next_attempt(row, now),
            row.occurred_at,
        )

    def _next_attempt(self, row: Row[T], now: datetime) -> datetime | None:
        if row.outcome is not Outcome.OWED or row.parked:
            return None
        return now + self._backoff.after(row.attempts)

    def _row(self, record: asyncpg.Record) -> Row[T]:
        (_, saga_id, mode, outcome, reference, reason, attempts, parked, when, version, *terms) = (
            record
        )
        return Row(
            saga_id,
            mode,
            _OUTCOMES[outcome],
            self._shape.terms(*terms),
            when,
            reference,
            reason,
            attempts,
            parked,
            version,
        )


def _saga_id(row: Row[Any]) -> str:
    return row.saga_id


def _inserted_columns(shape: Shape[Any]) -> Columns:
    first = ("saga_id", "mode", "outcome", shape.reference, "reason")
    text = tuple((name, "text") for name in first)
    return (*text, ("occurred_at", "timestamptz"), *shape.terms_columns)


def _statements(shape: Shape[Any]) -> tuple[str, str, str, str, str]:
    """Select, insert, update, claim and reset.

    Only names that the service's own code gives are put into the text.
    """
    table, reference = shape.table, shape.reference
    stored = ", ".join(
        f"r.{name}"
        for name in (
            *("saga_id", "mode", "outcome", reference, "reason", "attempts", "parked"),
            *("occurred_at", "version"),
            *(name for name, _ in shape.terms_columns),
        )
    )
    select = f"""
        SELECT statement_timestamp(), {stored}
        FROM (SELECT 1) AS clock
        LEFT JOIN {table} AS r ON r.saga_id = ANY($1::text[])"""  # noqa: S608
    insert = insertion(table, _inserted_columns(shape))
    update = f"""
        UPDATE {table} AS r
        SET outcome = line.outcome, reason = line.reason, attempts = line.attempts,
            parked = line.parked, next_attempt_at = line.next_attempt_at,
            occurred_at = line.occurred_at, version = r.version + 1, updated_at = now()
        FROM {{lines}} WHERE r.saga_id = line.saga_id AND r.version = line.version"""  # noqa: S608
    claim = f"""
        SELECT statement_timestamp(), {stored} FROM {table} AS r
        WHERE r.outcome = 'OWED' AND NOT r.parked AND r.next_attempt_at <= statement_timestamp()
        ORDER BY r.saga_id LIMIT $1 FOR UPDATE SKIP LOCKED"""  # noqa: S608
    reset = f"""
        UPDATE {table} SET next_attempt_at = now() + random() * $1::float8 * interval '1 second'
        WHERE outcome = 'OWED' AND NOT parked"""  # noqa: S608
    return select, insert, update, claim, reset


def _owed_statements(shape: Shape[Any]) -> tuple[str, str]:
    """List and hasten. A row that is owed was written last when it was tried last."""
    owed = f"""
        SELECT saga_id, mode, {shape.reference} AS reference, reason, attempts, parked,
            updated_at AS since, next_attempt_at, created_at
        FROM {shape.table} WHERE outcome = 'OWED' AND ($1::text[] IS NULL OR saga_id = ANY($1))
            AND ($2::boolean IS NULL OR parked = $2) AND ($3::text IS NULL OR reason = $3)
            AND ($4::timestamptz IS NULL OR updated_at >= $4) AND saga_id > $5
        ORDER BY saga_id LIMIT $6"""  # noqa: S608 - as above
    hasten = f"""
        UPDATE {shape.table} AS r
        SET parked = false, next_attempt_at = now(), version = r.version + 1, updated_at = now()
        FROM {{lines}} WHERE r.saga_id = line.saga_id AND r.version = line.version
            AND r.outcome = 'OWED'"""  # noqa: S608 - as above
    return owed, hasten
