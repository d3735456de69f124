"""The production schema, read from its own SQL: columns with their defaults, keys and checks.

So the simulator's tables are those that the services are given, and a check that stands behind a
guard in production stands behind it here.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.expressions import compile_row, compile_test, split

SCHEMAS = Path(__file__).resolve().parents[2] / "db"
_TABLE = re.compile(r"CREATE TABLE (\w+) \((.*?)\n\)", re.DOTALL)
_ADDED = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (.*?);", re.DOTALL)
_COMMENT = re.compile(r"--.*")
_NO_COLUMN = ("PRIMARY KEY", "UNIQUE")

Row = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """One table as the schema has it. `key` gives a row's primary key, `is_sound` is all of its
    checks.
    """

    name: str
    columns: tuple[str, ...]
    defaults: dict[str, str]
    key_columns: tuple[str, ...]
    key: Callable[[Row], Any]
    is_sound: Callable[[Row], bool]


def read(service: str) -> dict[str, Shape]:
    """The tables of one service's database, the ones that every service has among them."""
    bodies: dict[str, str] = {}
    for folder in ("every", service):
        for path in sorted((SCHEMAS / folder).glob("*.sql")):
            text = _COMMENT.sub("", path.read_text())
            bodies.update(_TABLE.findall(text))
            for name, column in _ADDED.findall(text):
                bodies[name] = f"{bodies[name]}, {column}"
    return {name: _shape(name, body) for name, body in bodies.items()}


def _shape(name: str, body: str) -> Shape:
    columns, defaults, checks = [], dict[str, str](), []
    key_columns: tuple[str, ...] = ()
    for line in split(re.sub(r"\s+", " ", body)):
        if line.startswith(_NO_COLUMN):
            if line.startswith("PRIMARY KEY"):
                key_columns = tuple(_names(line))
            continue
        column = line.split()[0].strip('"')
        columns.append(column)
        default = re.search(r"DEFAULT (.*?)(?= CHECK| NOT NULL|$)", line)
        defaults[column] = default[1] if default else "NULL"
        if "PRIMARY KEY" in line:
            key_columns = (column,)
        check = re.search(r"CHECK \((.*)\)$", line)
        if check:
            checks.append(check[1])
    shaped = frozenset(columns)
    return Shape(
        name,
        tuple(columns),
        defaults,
        key_columns,
        compile_row(key_columns, shaped),
        compile_test(checks, shaped),
    )


def _names(line: str) -> Iterator[str]:
    inside = line[line.index("(") + 1 : line.rindex(")")]
    return (part.strip().strip('"') for part in inside.split(","))
