"""Style that matters is a test: sizes, docstrings, and words that must not appear where they
are.
"""

import ast
import os
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from architecture.sources import ROOT, name_of, tracked, written

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
LINE_CHARACTERS_MAX = {".py": 100, ".proto": 100, ".sql": 120}
"""SQL has a little more: a column's reason stands beside it."""

BUSINESS = re.compile(r"coffee|espresso|payment|inventory|shipment", re.IGNORECASE)
MACHINE = re.compile(r"(?<![\w.~$}-])/(?:work|root|home/\w+)/")
"""Folders of a particular machine; a variable before the slash makes it anyone's."""

INDEX = re.compile(r"--(?:extra-)?index-url[ =]\S|index-url *= *\S|pythonhosted\.org")
MAY_NAME_THE_MACHINE = {".ci/run", "tests/architecture/test_tidy.py"}


def test_a_module_a_function_and_a_line_have_a_limit() -> None:
    broken = []
    for path in written(".py"):
        lines = path.read_text().splitlines()
        if len(lines) > MODULE_LINES_MAX:
            broken.append(f"{name_of(path)} has {len(lines)} lines, at most {MODULE_LINES_MAX}")
        broken += [
            f"{name_of(path)}:{node.lineno} {node.name} has {length} lines, "
            f"at most {FUNCTION_LINES_MAX}: split it"
            for node, length in _functions(ast.parse("\n".join(lines)))
            if length > FUNCTION_LINES_MAX
        ]
    for path in written(*LINE_CHARACTERS_MAX):
        limit = LINE_CHARACTERS_MAX[path.suffix]
        broken += [
            f"{name_of(path)}:{number} has {len(line)} characters, at most {limit}"
            for number, line in enumerate(path.read_text().splitlines(), start=1)
            if len(line.partition("  # noqa")[0]) > limit
        ]
    assert not broken, "\n".join(broken)


def _functions(
    tree: ast.Module,
) -> list[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    return [
        (node, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_every_module_says_why_it_exists() -> None:
    silent = [
        name_of(path)
        for path in written(".py", under="services/")
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent, f"no docstring: {silent}"


def test_the_kit_has_no_word_of_the_business() -> None:
    said = [
        f"{name_of(path)}:{number} {line.strip()}"
        for path in written(".py", ".sql", under="services/sagakit/")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if BUSINESS.search(line)
    ]
    assert not said, "move it to a service:\n" + "\n".join(said)


def test_operator_is_never_a_package() -> None:
    """As a package it shadows the standard library's `operator` and breaks Python itself."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_no_file_knows_a_machine_or_an_index() -> None:
    found = []
    for path in tracked():
        if name_of(path) in MAY_NAME_THE_MACHINE:
            continue
        for number, line in enumerate(_lines(path), start=1):
            if MACHINE.search(line) or INDEX.search(line) or _names_own_index(line):
                found.append(f"{name_of(path)}:{number} {line.strip()[:120]}")
    assert not found, "\n".join(found)


def _lines(path: Path) -> list[str]:
    """The lines of a text file; of a picture or another binary, none."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def _names_own_index(line: str) -> bool:
    """Whether the line has the host of the index that this machine is set up with."""
    names = ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL")
    hosts = {urlsplit(os.environ.get(name, "")).hostname for name in names} - {None, "localhost"}
    return any(host in line for host in hosts if host)


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("cd /" + "work/main", True),
        ("open('/" + "root/x')", True),
        ("$ROOT/work/x and frame/work/", False),
        ("pip install --index" + "-url https://example.org/simple", True),
        ("uv pip compile --no-emit-index-url --generate-hashes", False),
    ],
)
def test_the_patterns_see_what_they_are_for(line: str, known: bool) -> None:
    assert bool(MACHINE.search(line) or INDEX.search(line)) is known


def test_every_rule_that_is_off_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    lint = tomllib.loads(text)["tool"]["ruff"]["lint"]
    off = [
        *lint["ignore"],
        *(code for codes in lint["per-file-ignores"].values() for code in codes),
    ]
    for code in off:
        assert re.search(rf'"{code}", # \S.{{5,}}', text), f"{code} is off without a reason"
    assert lint["select"] == ["ALL"]
