"""`saga_state` and `saga_history` in Postgres: the only SQL of the orchestrator's deciding side.

A batch is one SELECT, one INSERT, one UPDATE guarded by the version that was loaded, and one INSERT
of history; each is a single UNNEST statement, whatever the size. It must not know why anything
changes, nor what is said.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from orchestrator.brew import FLOWS
from orchestrator.domain import REFERENCE_NAMES, Entry, Saga
from saga.columns import TERMS_COLUMNS, terms_values
from saga.terms import Terms
from sagakit.core.steps import DONE, Status
from sagakit.shell.lines import insertion, names, write_lines
from sagakit.shell.ports import Connection, Write

_KEPT: Final = (
    ("saga_id", "text"),
    *TERMS_COLUMNS,
    ("flow_version", "integer"),
    ("created_at", "timestamptz"),
)
"""Written once."""

_MOVING: Final = (
    ("current_step", "text"),
    ("status", "text"),
    ("last_event", "text"),
    *((column, "text") for column in REFERENCE_NAMES.values()),
    ("failure_reason", "text"),
    ("cancel_asked", "boolean"),
    ("attempts", "integer"),
    ("parked_at", "timestamptz"),
    ("said", "integer"),
    ("say_again_at", "timestamptz"),
    ("version", "integer"),
    ("updated_at", "timestamptz"),
)
"""Written again by each transition."""

_ENTRY: Final = (
    ("saga_id", "text"),
    ("version", "integer"),
    ("source", "text"),
    ("target", "text"),
    ("event", "text"),
    ("reason", "text"),
    ("created_at", "timestamptz"),
    ("flow_version", "integer"),
)


_WRITTEN: Final = (*_KEPT, *_MOVING)
_UPDATED: Final = (("saga_id", "text"), ("loaded", "integer"), *_MOVING)

# The names come from the constants above and no value does: every value is a parameter.
_LOAD: Final = f"""
    SELECT clock_timestamp() AS clock, {names(_WRITTEN)}
    FROM (VALUES (1)) AS always LEFT JOIN saga_state ON saga_id = ANY($1::text[])"""  # noqa: S608
_INSERT: Final = insertion("saga_state", _WRITTEN)
_ASSIGNED: Final = ", ".join(f"{name} = line.{name}" for name, _ in _MOVING)
_UPDATE: Final = f"""
    UPDATE saga_state AS stored SET {_ASSIGNED} FROM {{lines}}
    WHERE stored.saga_id = line.saga_id AND stored.version = line.loaded"""  # noqa: S608
_REMEMBER: Final = insertion("saga_history", _ENTRY)

_ENTERED: Final = """
    SELECT saga_id, max(created_at) FROM saga_history
    WHERE saga_id = ANY($1::text[]) AND source <> target GROUP BY saga_id"""

_SAY_AGAIN: Final = f"""
    WITH due AS (
        SELECT saga_id AS due_id FROM saga_state
        WHERE status = 'RUNNING' AND parked_at IS NULL AND say_again_at <= clock_timestamp()
            AND flow_version = ANY($4::integer[])
        ORDER BY say_again_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    UPDATE saga_state SET said = said + 1,
        say_again_at = clock_timestamp() + make_interval(
            secs => least($3::float8, $2::float8 * 2 ^ least(said, 30))
                * (0.75 + 0.25 * random()))
    FROM due WHERE saga_id = due_id
    RETURNING {names(_WRITTEN)}"""  # noqa: S608
_SAY_SOON: Final = """
    UPDATE saga_state SET said = 0, say_again_at = clock_timestamp()
        + make_interval(secs => $1::float8 * random())
    WHERE saga_id IN (
        SELECT saga_id FROM saga_state WHERE status = 'RUNNING' AND parked_at IS NULL
        ORDER BY saga_id FOR UPDATE SKIP LOCKED)"""


_HASTENED: Final = (("saga_id", "text"), ("version", "integer"))
_HASTEN: Final = """
    UPDATE saga_state AS stored SET said = 0, say_again_at = clock_timestamp() FROM {lines}
    WHERE stored.saga_id = line.saga_id AND stored.version = line.version
        AND stored.status = 'RUNNING' AND stored.parked_at IS NULL"""


@dataclass(slots=True)
class Changes:
    """What one batch decided: each saga's last row, the version it was loaded with, all entries."""

    sagas: dict[str, Saga] = field(default_factory=dict)
    loaded_versions: dict[str, int] = field(default_factory=dict)
    """Sagas that were stored before; those that are missing here are new."""
    entries: list[Entry] = field(default_factory=list)


async def load(connection: Connection, ids: Sequence[str]) -> tuple[dict[str, Saga], datetime]:
    """Fetch the stored sagas among `ids`, and the database's clock, in one round trip."""
    rows = await connection.fetch(_LOAD, ids)
    sagas = (_to_saga(row[1:]) for row in rows if row[1] is not None)
    return {saga.saga_id: saga for saga in sagas}, rows[0][0]


async def entered(connection: Connection, sagas: Collection[Saga]) -> dict[str, datetime]:
    """Since when each of these is in its state.

    That is when its row was written last, but for refused undos and noted cancels: those are looked
    up in the history, and are few.
    """
    since = {saga.saga_id: saga.updated_at for saga in sagas}
    stayed = [saga.saga_id for saga in sagas if saga.attempts or saga.cancel_asked]
    if stayed:
        since |= {row[0]: row[1] for row in await connection.fetch(_ENTERED, stayed)}
    return since


def writes(changes: Changes) -> list[Write]:
    """What was decided, guarded by what was loaded (rule 6)."""
    new, known = [], []
    for saga_id in sorted(changes.sagas):
        saga, loaded = changes.sagas[saga_id], changes.loaded_versions.get(saga_id)
        if loaded is None:
            new.append((*_kept(saga), *_moving(saga)))
        else:
            known.append((saga_id, loaded, *_moving(saga)))
    return [
        *write_lines(_INSERT, _WRITTEN, new),
        *write_lines(_UPDATE, _UPDATED, known),
        *write_lines(_REMEMBER, _ENTRY, changes.entries),
    ]


def hastened(sagas: Sequence[Saga]) -> list[Write]:
    """Make the awaited command of open sagas due now. Nothing is decided, so no version."""
    return write_lines(_HASTEN, _HASTENED, sorted((s.saga_id, s.version) for s in sagas))


async def say_again(
    connection: Connection, limit: int, after_seconds: float, max_seconds: float
) -> list[Saga]:
    """Claim at most `limit` sagas whose command is due again; the next time is twice as far off.

    A saga whose definition is not carried stays due, for the image that carries it.
    """
    carried = list(FLOWS)
    rows = await connection.fetch(_SAY_AGAIN, limit, after_seconds, max_seconds, carried)
    return [_to_saga(tuple(row)) for row in rows]


async def say_soon(connection: Connection, within_seconds: float) -> None:
    """Begin the backoff of every open saga anew, spread over `within_seconds`."""
    await connection.execute(_SAY_SOON, within_seconds)


def _kept(saga: Saga) -> tuple[Any, ...]:
    customer_id, amount_cents, *others = terms_values(saga.terms)
    amount_cents = amount_cents or 0
    return (saga.saga_id, customer_id, amount_cents, *others, saga.flow_version, saga.created_at)


def _moving(saga: Saga) -> tuple[Any, ...]:
    return (
        saga.where.name,
        saga.where.status.value,
        saga.last_event,
        *(saga.references.get(step, "") for step in REFERENCE_NAMES),
        saga.failure_reason,
        saga.cancel_asked,
        saga.attempts,
        saga.parked_at,
        saga.said,
        saga.say_again_at,
        saga.version,
        saga.updated_at,
    )


_TERMS: Final = slice(1, 1 + len(TERMS_COLUMNS))
_REFERENCES: Final = slice(_TERMS.stop + 5, _TERMS.stop + 5 + len(REFERENCE_NAMES))


def _to_saga(row: Sequence[Any]) -> Saga:
    """`row` has the columns of `_WRITTEN`; by place, since thousands a second are read."""
    flow_version, created_at, current_step, status, last_event = row[
        _TERMS.stop : _REFERENCES.start
    ]
    reason, cancel_asked, attempts, parked_at, said, say_again_at, version, updated_at = row[
        _REFERENCES.stop :
    ]
    return Saga(
        saga_id=row[0],
        terms=Terms._make(row[_TERMS]),
        state=current_step if status == Status.RUNNING.value else f"{DONE}/{status}",
        last_event=last_event,
        created_at=created_at,
        updated_at=updated_at,
        say_again_at=say_again_at,
        references=dict(zip(REFERENCE_NAMES, row[_REFERENCES], strict=True)),
        failure_reason=reason,
        cancel_asked=cancel_asked,
        attempts=attempts,
        parked_at=parked_at,
        said=said,
        version=version,
        flow_version=flow_version,
    )
