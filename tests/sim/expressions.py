"""SQL expressions as Python functions: as much of the language as the production statements use.

A guard in a production statement is thereby run and not copied: whoever takes it out of the SQL
takes it out of the simulation too. What cannot be translated raises at once.
"""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

INFINITY = datetime(9999, 1, 1, tzinfo=UTC)
"""Postgres' infinity: later than any time of a simulation."""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^']*')|(?P<parameter>\$\d+)|(?P<cast>::[a-z0-9_]+(?:\[\])?)"
    r'|(?P<name>"?[A-Za-z_][\w.]*"?)|(?P<number>\d+(?:\.\d+)?)|(?P<sign><>|<=|>=|[-+*^(),=<>]))'
)
_REWRITTEN = (
    (re.compile(r"\b(?:now|clock_timestamp|statement_timestamp)\(\)"), " the_time "),
    (re.compile(r"\bmake_interval\(\s*secs =>"), "make_interval("),
    (re.compile(r"\bextract\(epoch FROM\s+([\w.]+)\s+-\s+([\w.]+)\s*\)"), r"lapse(\1, \2)"),
    (re.compile(r"\binterval '1 (second|microsecond)'"), r"one_\1"),
    (re.compile(r"<>\s*ALL\s*\("), " not in ("),
    (re.compile(r"=\s*ANY\s*\("), " in ("),
    (re.compile(r"\bGENERATED ALWAYS AS IDENTITY\b"), ""),
)
_CASE = re.compile(r"\bCASE WHEN (.+?) THEN (.+?)(?: ELSE (.+?))? END\b")
_WORDS = {
    **{word: word for word in ("and", "or", "not", "is", "in")},
    "null": "None",
    "true": "True",
    "false": "False",
    "the_time": "W.now",
    "xmax": "X",
    "random": "W.random",
    "coalesce": "coalesce",
    "least": "min",
    "power": "pow",
    "make_interval": "make_interval",
    "lapse": "lapse",
    "one_second": "one_second",
    "one_microsecond": "one_microsecond",
    "if": "if",
    "else": "else",
}
_SIGNS = {"=": "==", "<>": "!=", "^": "**"}


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


_NAMESPACE = {
    "INFINITY": INFINITY,
    "coalesce": _coalesce,
    "min": min,
    "pow": pow,
    "make_interval": lambda seconds: timedelta(seconds=seconds),
    "lapse": lambda later, earlier: later and (later - earlier).total_seconds(),
    "one_second": timedelta(seconds=1),
    "one_microsecond": timedelta(microseconds=1),
}
"""The functions of SQL that the statements use. `W` is the world: its `now` and its `random`."""

Aliases = dict[str, str]
"""Table aliases to the variable that holds the row: R stored, L line, E excluded."""


def split(text: str, separator: str = ",") -> list[str]:
    """The parts of a list at its commas, but for those within parentheses."""
    parts, depth, begun = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == separator and depth == 0:
            parts.append(text[begun:place].strip())
            begun = place + 1
    return [*parts, text[begun:].strip()]


def translate(text: str, columns: Collection[str], aliases: Aliases, other: str = "L") -> str:
    """The expression in Python. A bare name is a column of the stored row if there is such a one,
    else one of `other`.
    """
    for pattern, replacement in _REWRITTEN:
        text = pattern.sub(replacement, text)
    text = _CASE.sub(
        lambda found: f"(({found[2]}) if ({found[1]}) else ({found[3] or 'NULL'}))", text
    )
    said, place = [], 0
    text = text.strip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise NotImplementedError(f"the simulator cannot read {text[place:][:60]!r}")
        said.append(_say(token, columns, aliases, other))
        place = token.end()
    return " ".join(said)


def _say(token: re.Match[str], columns: Collection[str], aliases: Aliases, other: str) -> str:
    kind, word = token.lastgroup, token[0].strip()
    if kind == "text":
        return "INFINITY" if word == "'infinity'" else repr(word[1:-1])
    if kind == "parameter":
        return f"P[{int(word[1:]) - 1}]"
    if kind == "cast":
        return ""
    if kind == "name":
        return _name(word.replace('"', ""), columns, aliases, other)
    return _SIGNS.get(word, word)


def _name(word: str, columns: Collection[str], aliases: Aliases, other: str) -> str:
    alias, dot, column = word.rpartition(".")
    if dot:
        return f'{aliases[alias]}["{column}"]'
    if word in columns:
        return f'R["{word}"]'
    return _WORDS.get(word.lower()) or f'{other}["{word}"]'


def compiled(arguments: str, expression: str, **names: Any) -> Callable[..., Any]:
    """A function of these arguments, that knows `names` too."""
    source = f"lambda {arguments}: {expression}"
    made: Callable[..., Any] = eval(source, {**_NAMESPACE, **names})  # noqa: S307 - ours
    return made


def function(expression: str, **names: Any) -> Callable[..., Any]:
    """A function of the stored row, the line, the excluded row, the parameters, the world, and
    whether the row was there before.
    """
    return compiled("R, L, E, P, W, X", expression, **names)


def compile_test(
    checks: Sequence[str], columns: Collection[str]
) -> Callable[[dict[str, Any]], bool]:
    """All CHECKs of a table as one."""
    tests = (f"({translate(_membership(check), columns, {})})" for check in checks)
    source = f"lambda R: {' and '.join(tests) or True}"
    made: Callable[[dict[str, Any]], bool] = eval(source, dict(_NAMESPACE))  # noqa: S307 - ours
    return made


def _membership(text: str) -> str:
    """`x IN (…)` passes for NULL in SQL; so it does here."""
    return re.sub(r"(\w+) IN \(", r"\1 IS NULL OR \1 IN (", text)


def compile_row(names: Sequence[str], columns: Collection[str]) -> Callable[[dict[str, Any]], Any]:
    """The values of these columns: one by itself, more as a tuple."""
    values = ", ".join(translate(name, columns, {}) for name in names)
    source = f"lambda R: ({values})" if names else "lambda R: id(R)"
    made: Callable[[dict[str, Any]], Any] = eval(source, {})  # noqa: S307 - our own names
    return made
