"""Everything that a batch writes, as one statement.

One statement is a transaction by nature, and one round trip where there were five. Each part is an
ordinary INSERT, UPDATE or DELETE of its own table, with its guard in it; how many rows it must
touch stands beside it, and the database undoes the whole where another number was touched.
Knows no table.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import asyncpg

from sagakit.shell.ports import Conflict, Connection, Write

UNEXPECTED: Final = "BS001"
"""The SQLSTATE by which `as_expected` (in db/every) says that a guard found something else."""

STATEMENTS_KEPT: Final = 256
_PARAMETER: Final = re.compile(r"\$(\d+)")


async def write(connection: Connection, writes: Sequence[Write]) -> list[int]:
    """Write all of it or nothing; returns what each part measured. Raises Conflict.

    A key that is there already is a conflict too: another process wrote it since it was looked for.
    """
    if not writes:
        return []
    statement = _compose(tuple((one.sql, one.returning, one.measure) for one in writes))
    values = [value for one in writes for value in one.values]
    expected = [one.rows for one in writes]
    try:
        measured: list[int] = await connection.fetchval(statement, *values, expected)
    except asyncpg.UniqueViolationError as error:
        raise Conflict(f"another process was first: {error.detail}") from error
    except asyncpg.PostgresError as error:
        if error.sqlstate == UNEXPECTED:
            raise Conflict(f"rows were changed by another process: {error.message}") from error
        raise
    return measured


@lru_cache(maxsize=STATEMENTS_KEPT)
def _compose(parts: tuple[tuple[str, str, str], ...]) -> str:
    """The parts with their parameters numbered through, under one SELECT of what they measure."""
    taken, written, measured = 0, [], []
    for number, (sql, returning, measure) in enumerate(parts):
        highest = max(int(found) for found in _PARAMETER.findall(sql))
        numbered = _shift(sql, taken)
        written.append(f"part{number} AS ({numbered} RETURNING {returning})")
        measured.append(f"(SELECT {measure} FROM part{number})")  # noqa: S608 - as below
        taken += highest
    return (
        f"WITH {', '.join(written)} SELECT as_expected("
        f"ARRAY[{', '.join(measured)}], ${taken + 1}::bigint[])"
    )


def _shift(sql: str, by: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", sql)
