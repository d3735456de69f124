"""A batch's lines as parameters of one statement: an array a column, and less where there is less.

A column in which all lines agree is sent once. Most of a batch is like that (one mode, no reason,
no deadline), a batch of one line wholly, and each element of an array costs the driver more than
all else that is done with it. Knows no table.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sagakit.shell.ports import Write

SOURCES_KEPT: Final = 1_024

Columns = tuple[tuple[str, str], ...]
"""Names and Postgres types, in the order of a line's values."""


def names(columns: Columns) -> str:
    """The names as SQL lists them."""
    return ", ".join(name for name, _ in columns)


def insertion(table: str, columns: Columns) -> str:
    """The template of an INSERT of lines. Table and columns are names in our own code."""
    listed = names(columns)
    return f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {{lines}}"  # noqa: S608 - as said


def write_lines(template: str, columns: Columns, lines: Sequence[Sequence[Any]]) -> list[Write]:
    """One write that touches a row a line; none for no lines.

    `template` has `{lines}` where a table stands; its columns are then those of `line`.
    """
    if not lines:
        return []
    values = list(zip(*lines, strict=True))
    agreed = [column.count(column[0]) == len(lines) for column in values]
    if len(lines) > 1 and all(agreed):
        agreed[0] = False  # at least one array says how many lines there are
    parameters = [
        column[0] if once else column for column, once in zip(values, agreed, strict=True)
    ]
    sql = template.replace("{lines}", _source(columns, tuple(agreed)))
    return [Write(sql, parameters, len(lines))]


@lru_cache(maxsize=SOURCES_KEPT)
def _source(columns: Columns, agreed: tuple[bool, ...]) -> str:
    """`line`, with its parameters from $1 on in the order of the columns."""
    chosen, arrays, varying = [], [], []
    for place, ((name, kind), once) in enumerate(zip(columns, agreed, strict=True), start=1):
        if once:
            chosen.append(f"${place}::{kind} AS {name}")
        else:
            chosen.append(name)
            varying.append(name)
            arrays.append(f"${place}::{kind}[]")
    listed = ", ".join(chosen)
    if not arrays:
        return f"(SELECT {listed}) AS line"
    unnested = f"unnest({', '.join(arrays)}) AS varying ({', '.join(varying)})"
    return f"(SELECT {listed} FROM {unnested}) AS line"  # noqa: S608 - names in our own code
