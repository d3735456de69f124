"""The README as a person follows it: what is typed, what is closed, what is promised to be seen.

Text in, steps out: it knows no process. A `sh` block is typed line by line. A `text` block is what
the commands before it print, or what is seen in the terminal named beside `text`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_BLOCK: Final = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CLOSED: Final = re.compile(r"# Ctrl-C in (?:the terminal of (.+)|every terminal)$")
_COMMENT: Final = re.compile(r"\s+# (.*)$")
_EXIT_CODE: Final = re.compile(r"exit code (\d)")

MORE: Final = "…"
"""Alone on a line: any lines. Within one: any text."""

_SHORT_OR_WHOLE_ID: Final = r"[0-9a-f]{8}-(?:…|(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"
_DIFFERS: Final = (
    (re.compile(_SHORT_OR_WHOLE_ID), "ID"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"\+?\d+\.\d+s\b"), "SECONDS"),
    (re.compile(r"PostgreSQL \d+(?:\.\d+)*"), "PostgreSQL VERSION"),
    (re.compile("█+"), ""),
    (re.compile(r"\s+"), " "),
)
"""What differs from run to run and is therefore not compared, in the order of replacing."""

_COUNTED: Final = re.compile(r"^(?:ok|compensated|completed|rejected) ")
"""Lines whose figures depend on who came first to the last cup."""


@dataclass(frozen=True, slots=True)
class Command:
    """One line that is typed; a line that has no exit code of its own ends with 0."""

    text: str
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """Ctrl-C in one terminal, named after what was typed there, or in all (`name` empty)."""

    name: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A `sh` block."""

    steps: Sequence[Command | Closed]


@dataclass(frozen=True, slots=True)
class Seen:
    """A `text` block; without a name it is the whole output of the commands before it."""

    name: str
    lines: Sequence[str]


def blocks(text: str) -> Iterator[Typed | Seen]:
    """The blocks in the order of the page; other fences (graphs) are not for a terminal."""
    for kind, name, body in _BLOCK.findall(text):
        lines = [line for line in body.splitlines() if line.strip()]
        if kind == "sh":
            yield Typed([_step(line) for line in lines])
        elif kind == "text":
            yield Seen(name.removeprefix("make "), lines)


def _step(line: str) -> Command | Closed:
    closed = _CLOSED.match(line)
    if closed:
        return Closed((closed[1] or "").removeprefix("make "))
    comment = _COMMENT.search(line)
    code = _EXIT_CODE.search(comment[1]) if comment else None
    return Command(_COMMENT.sub("", line), int(code[1]) if code else 0)


def normal(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, word in _DIFFERS:
        line = pattern.sub(word, line)
    return re.sub(r"\d+(?:\.\d+)?", "N", line).strip() if _COUNTED.match(line) else line.strip()


def is_whole(promised: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether the output is what was promised, line by line, and nothing else but at a `…`."""
    pattern = "".join("(?:.*\n)*?" if line == MORE else f"{_line(line)}\n" for line in promised)
    text = "".join(f"{normal(line)}\n" for line in printed if line.strip())
    return re.fullmatch(pattern, text) is not None


def seen_until(promised: Sequence[str], printed: Sequence[str]) -> int | None:
    """How many lines a terminal had printed when it had shown the promised ones, in their order.

    None while it has not. A live terminal may print others between them.
    """
    left = [re.compile(_line(line)) for line in promised]
    for number, line in enumerate(printed, start=1):
        if left and left[0].fullmatch(normal(line)):
            left.pop(0)
        if not left:
            return number
    return None


def _line(promised: str) -> str:
    return re.escape(normal(promised)).replace(MORE, ".*")
