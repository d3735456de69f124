"""The statements of production as plans over tables in memory, made from their own text.

The forms are few: an INSERT or UPDATE of lines, a SELECT of one table, an UPDATE of what a SELECT
chose, and all that a batch writes under one `as_expected`. A form that is not known raises.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import asyncpg

from sim.expressions import Aliases, compiled, function, split, translate
from sim.schema import Row, Shape

Parameters = Sequence[Any]
Lines = Callable[["Tables", Parameters], list[Row]]
Choice = Callable[[Any, Parameters, "Tables"], list[tuple[Any, ...]]]
"""What a SELECT finds among these rows."""
Plan = Callable[["Tables", Parameters], list[tuple[Any, ...]]]

UNEXPECTED = "BS001"


class Tables(Protocol):
    """What a plan works on: rows by table and key, the clock and the chance of one database."""

    @property
    def now(self) -> Any: ...

    def random(self) -> float: ...

    def rows(self, table: str) -> dict[Any, Row]: ...

    def put(self, table: str, key: Any, row: Row | None) -> None: ...


class Unexpected(asyncpg.PostgresError):
    """What `as_expected` raises."""

    sqlstate = UNEXPECTED


class Keyed(tuple[Any, ...]):
    """A record that is also read by its columns' names."""

    __slots__ = ()
    places: Mapping[str, int] = {}

    def __getitem__(self, at: Any) -> Any:
        return tuple.__getitem__(self, self.places[at] if isinstance(at, str) else at)


_COMPOSED = re.compile(r"^WITH (part0 AS .*) SELECT as_expected\(ARRAY\[(.*)\], \$(\d+)::")
_INSERT = re.compile(
    r"^INSERT INTO (\w+)(?: AS (\w+))? \(([^)]*)\) SELECT (.*?) FROM (\(SELECT .*?\) AS line)"
    r"(?: ON CONFLICT(?: \([^)]*\))? DO (NOTHING|UPDATE SET .*?))?(?: RETURNING (.*))?$"
)
_UPDATE = re.compile(
    r"^UPDATE (\w+)(?: AS (\w+))? SET (.*?)(?: FROM (\(SELECT .*\)) AS (\w+))?"
    r" WHERE ((?:(?! WHERE ).)*?)(?: RETURNING (.*))?$"
)
_CHOSEN_FIRST = re.compile(r"^WITH due AS \((SELECT .*?)\) (UPDATE .*?) FROM due WHERE (.*)$")
_CHOSEN_BY_ID = re.compile(r"^(UPDATE .*) WHERE saga_id IN \(SELECT saga_id (FROM .*)\)$")
_RECORDED = re.compile(
    r"^WITH news AS MATERIALIZED \(SELECT line\.\*, known\.version FROM (\(.*\) AS line) "
    r"CROSS JOIN LATERAL .*? AS known WHERE (.*)\) UPDATE orders AS o (SET .*) FROM news "
    r"WHERE o\.saga_id = news\.saga_id AND o\.version = news\.version RETURNING (.*)$"
)
"""What is known and what is news, in one statement: here an UPDATE whose WHERE asks both."""
_SELECT = re.compile(
    r"^SELECT (.*?) FROM (\w+)(?: AS (\w+))?(?: WHERE (.*?))?"
    r"(?: ORDER BY (.*?))?(?: LIMIT (\$\d+))?( FOR UPDATE SKIP LOCKED)?$"
)
_CLOCKED = re.compile(
    r"^SELECT (.*?) FROM \((?:SELECT 1|VALUES \(1\))\) AS \w+ "
    r"LEFT JOIN (\w+)(?: AS (\w+))? ON (.*)$"
)
_DELETE = re.compile(r"^DELETE FROM (\w+) WHERE (.*?)(?: RETURNING 1)?$")
_PARAMETER = re.compile(r"\$(\d+)")
_FILTERED = re.compile(r"count\(\*\) FILTER \(WHERE (\w+)\)")
_BY_KEY = re.compile(r"\bsaga_id (?:= ANY ?\(\$(\d+)::text\[\]\)|= ANY ?\(\$(\d+)\))")


def normal(sql: str) -> str:
    """One line, single spaces, none inside a parenthesis' edge."""
    return re.sub(r"\s+", " ", sql).strip().replace("( ", "(").replace(" )", ")")


class Planner:
    """Makes the plans for one service's tables, once for each statement."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._shapes = shapes
        self._parts: dict[str, Plan] = {}
        """The parts of composed statements: the same ones come in many combinations."""

    def plan(self, sql: str) -> Plan:
        """The plan of a statement. Raises NotImplementedError for a form that is not known."""
        text = normal(sql)
        chosen = _CHOSEN_FIRST.match(text)
        if chosen:
            text = f"{chosen[2]} FROM ({chosen[1]}) AS due WHERE {chosen[3]}"
        recorded = _RECORDED.match(text)
        if recorded:
            lines, known, changed, returned = recorded.groups()
            known, changed = known.replace("known.", "o."), changed.replace("news.", "line.")
            text = (
                f"UPDATE orders AS o {changed} FROM {lines} "
                f"WHERE o.saga_id = line.saga_id AND ({known}) RETURNING {returned}"
            )
        chosen = _CHOSEN_BY_ID.match(text)
        if chosen:
            inner = f"SELECT saga_id AS due_id {chosen[2]}"
            text = f"{chosen[1]} FROM ({inner}) AS due WHERE saga_id = due.due_id"
        for pattern, make in (
            (_COMPOSED, self._composed),
            (_INSERT, self._insert),
            (_UPDATE, self._update),
            (_CLOCKED, self._clocked),
            (_SELECT, self._select),
            (_DELETE, self._delete),
        ):
            found = pattern.match(text)
            if found:
                return make(found)
        raise NotImplementedError(f"the simulator does not know this form of statement: {text}")

    # ------------------------------------------------------------ all that a batch writes

    def _composed(self, found: re.Match[str]) -> Plan:
        parts = [self._part(part) for part in _parts(found[1])]
        measures = [bool(_FILTERED.search(one)) for one in split(found[2])]
        expected_at = int(found[3]) - 1

        def run(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
            measured = []
            for (part, first, end), filtered in zip(parts, measures, strict=True):
                returned = part(tables, parameters[first:end])
                measured.append(
                    sum(bool(row[0]) for row in returned) if filtered else len(returned)
                )
            for touched, expected in zip(measured, parameters[expected_at], strict=True):
                if expected is not None and touched != expected:
                    raise Unexpected(f"a part touched {touched} rows, {expected} were as loaded")
            return [(measured,)]

        return run

    def _part(self, text: str) -> tuple[Plan, int, int]:
        """The plan of one part, and which of the whole's parameters are its own."""
        numbers = [int(number) for number in _PARAMETER.findall(text)]
        first, end = min(numbers) - 1, max(numbers)
        by_itself = _PARAMETER.sub(lambda found: f"${int(found[1]) - first}", text)
        plan = self._parts.get(by_itself)
        if plan is None:
            plan = self._parts[by_itself] = self.plan(by_itself)
        return plan, first, end

    def _insert(self, found: re.Match[str]) -> Plan:
        table, alias, listed, selected, source, conflict, returning = found.groups()
        shape = self._shapes[table]
        columns = frozenset(shape.columns)
        lines = _line_source(source)
        said = dict(zip(_names(listed), split(selected), strict=True))
        values = ", ".join(
            f'"{name}": {translate(said.get(name, shape.defaults[name]), (), {"line": "L"})}'
            for name in shape.columns
        )
        new = function(f"{{{values}}}")
        again = _assigner(conflict, columns, {alias or table: "R", "excluded": "E"})
        result = _result(returning or "1", columns, {alias or table: "R"})

        def run(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
            returned, stored = [], tables.rows(table)
            for line in lines(tables, parameters):
                row = new(None, line, None, parameters, tables, 0)
                key, known = shape.key(row), None
                if key in stored:
                    if conflict is None:
                        raise asyncpg.UniqueViolationError(f"{table} has {key} already")
                    if again is None:
                        continue
                    known = stored[key]
                    row = {**known, **again(known, line, row, parameters, tables, 1)}
                _check(shape, row)
                tables.put(table, key, row)
                returned.append(result(row, line, None, parameters, tables, int(known is not None)))
            return returned

        return run

    def _update(self, found: re.Match[str]) -> Plan:
        table, alias, assigned, source, source_alias, where, returning = found.groups()
        shape = self._shapes[table]
        columns = frozenset(shape.columns)
        aliases = {alias or table: "R", table: "R", source_alias or "line": "L"}
        lines = self._source(source) if source else _no_line
        assign = _assigner(f"UPDATE SET {assigned}", columns, aliases)
        assert assign is not None
        test = function(translate(where, columns, aliases))
        key_of = _line_key(where, shape.key_columns, aliases) if source else None
        result = _result(returning or "1", columns, aliases)

        def run(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
            returned, stored = [], tables.rows(table)
            for line in lines(tables, parameters):
                if key_of is None:
                    rows = list(stored.values())
                else:
                    row = stored.get(line.get(key_of))
                    rows = [] if row is None else [row]
                for row in rows:
                    if test(row, line, None, parameters, tables, 0):
                        changed = {**row, **assign(row, line, None, parameters, tables, 0)}
                        _check(shape, changed)
                        tables.put(table, shape.key(changed), changed)
                        returned.append(result(changed, line, None, parameters, tables, 0))
            return returned

        return run

    def _source(self, source: str) -> Lines:
        """Lines that were sent, or rows that a SELECT chooses."""
        inside = source[1:-1]
        if "unnest(" in inside or " FROM " not in inside:
            return _line_source(f"{source} AS line")
        chosen = _SELECT.match(inside)
        if chosen is None:
            raise NotImplementedError(f"the simulator cannot choose by {inside}")
        names = [_output_name(part) for part in split(chosen[1])]
        select = self._select(chosen)
        return lambda tables, parameters: [
            dict(zip(names, row, strict=True)) for row in select(tables, parameters)
        ]

    def _delete(self, found: re.Match[str]) -> Plan:
        table, where = found.groups()
        shape = self._shapes[table]
        test = translate(where, frozenset(shape.columns), {table: "R"})
        choose = compiled("rows, P, W", f"[key for key, R in rows.items() if {test}]")

        def run(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
            gone = choose(tables.rows(table), parameters, tables)
            for key in gone:
                tables.put(table, key, None)
            return [(1,)] * len(gone)

        return run

    # ------------------------------------------------------------ what is read

    def _select(self, found: re.Match[str]) -> Plan:
        selected, table, alias, where, ordered, limit, _locked = found.groups()
        shape = self._shapes[table]
        columns, aliases = frozenset(shape.columns), {alias or table: "R", table: "R"}
        result, names = _values(selected, columns, aliases)
        test = translate(where or "true", columns, aliases)
        if not ordered and not limit:
            source = f"[{result} for R in rows if {test}]"
        else:
            chosen = f"[R for R in rows if {test}]"
            if ordered:
                by = f"({translate(ordered, columns, aliases)},)"
                chosen = f"sorted({chosen}, key=lambda R: {by})"
            source = (
                f"[{result} for R in {chosen}{f'[: P[{int(limit[1:]) - 1}]]' if limit else ''}]"
            )
        choose: Choice = compiled("rows, P, W", source, **names)
        wanted = _BY_KEY.search(where or "") if shape.key_columns == ("saga_id",) else None
        wanted_at = int(wanted[1] or wanted[2]) - 1 if wanted else None

        def run(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
            stored = tables.rows(table)
            rows = _wanted(stored, None if wanted_at is None else parameters[wanted_at])
            return choose(rows, parameters, tables)

        return run

    def _clocked(self, found: re.Match[str]) -> Plan:
        """Rows of some sagas beside the clock, which comes also where there is no row."""
        selected, table, alias, where = found.groups()
        rows = f"SELECT {selected} FROM {table} AS {alias or table} WHERE {where}"  # noqa: S608
        plan = self.plan(rows)
        empty = (None,) * (len(split(selected)) - 1)

        def run(tables: Tables, parameters: Parameters) -> list[tuple[Any, ...]]:
            return plan(tables, parameters) or [(tables.now, *empty)]

        return run


# ---------------------------------------------------------------- the pieces of a statement


def _parts(text: str) -> Iterator[str]:
    """The statements of `part0 AS (…), part1 AS (…)`."""
    for part in split(text):
        yield part[part.index("(") + 1 : part.rindex(")")]


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",")]


def _output_name(selected: str) -> str:
    return selected.rpartition(" AS ")[2] if " AS " in selected else selected.rpartition(".")[2]


def _values(
    selected: str, columns: Collection[str], aliases: Aliases
) -> tuple[str, dict[str, Any]]:
    """The values of a SELECT or RETURNING as an expression, with the names that it needs; they are
    read by name too where a statement names one.
    """
    parts = split(selected)
    listed = [translate(part.partition(" AS ")[0], columns, aliases) for part in parts]
    values = f"({', '.join(listed)},)"
    if not any("current_step" in part or "worker_id" in part for part in parts):
        return values, {}
    places = {_output_name(part): at for at, part in enumerate(parts)}
    return f"Record({values})", {"Record": type("Record", (Keyed,), {"places": places})}


def _result(selected: str, columns: Collection[str], aliases: Aliases) -> Callable[..., Any]:
    values, names = _values(selected, columns, aliases)
    return function(values, **names)


def _assigner(
    conflict: str | None, columns: Collection[str], aliases: Aliases
) -> Callable[..., Row] | None:
    if conflict is None or conflict == "NOTHING":
        return None
    pairs = (part.split("=", 1) for part in split(conflict.partition("SET ")[2]))
    values = ", ".join(
        f'"{name.strip()}": {translate(value, columns, aliases)}' for name, value in pairs
    )
    return function(f"{{{values}}}")


def _line_source(source: str) -> Lines:
    """Lines as `sagakit.shell.lines` sends them: an array a column, or one value for all."""
    inside = source[1 : source.rindex(")")].removeprefix("SELECT ")
    selected, _, arrays = inside.partition(" FROM unnest(")
    places = dict[str, int]()
    if arrays:
        sent, _, listed = arrays.partition(") AS varying (")
        numbers = [int(number) - 1 for number in re.findall(r"\$(\d+)", sent)]
        places = dict(zip(_names(listed.rstrip(")")), numbers, strict=True))
    values = {name: f"v{at}" for name, at in places.items()}
    for part in split(selected):
        parameter = re.match(r"\$(\d+)::", part)
        if parameter:
            values[_output_name(part)] = f"P[{int(parameter[1]) - 1}]"
    row = ", ".join(f'"{name}": {value}' for name, value in values.items())
    if not places:
        return compiled("_W, P", f"[{{{row}}}]")
    each = ", ".join(f"v{at}" for at in places.values())
    columns = ", ".join(f"P[{at}]" for at in places.values())
    return compiled("_W, P", f"[{{{row}}} for {each}, in zip({columns}, strict=True)]")


def _no_line(_tables: Tables, _parameters: Parameters) -> list[Row]:
    return [{}]


def _line_key(where: str, key_columns: Sequence[str], aliases: Aliases) -> str | None:
    """The line's column that says which row is meant, where the WHERE says so."""
    if len(key_columns) != 1:
        return None
    (key,) = key_columns
    for one, other in re.findall(r"([\w.]+) = ([\w.]+)", where):
        if one.rpartition(".")[2] == key and aliases.get(other.rpartition(".")[0], "L") == "L":
            return str(other.rpartition(".")[2])
    return None


def _wanted(stored: dict[Any, Row], keys: Sequence[Any] | None) -> list[Row]:
    if keys is None:
        return list(stored.values())
    return [stored[key] for key in sorted(set(keys)) if key in stored]


def _check(shape: Shape, row: Row) -> None:
    if not shape.is_sound(row):
        raise asyncpg.CheckViolationError(f"a check of {shape.name} fails for {row}")
