"""Each row of the failure matrix names a test that is there and runs, in each mode, or says that
there is none yet.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

from architecture.sources import ROOT
from matrix.page import PROVES, README, filled, in_mode
from matrix.table import ROWS, Modes, NotYet, Proof, Row

PROOFS = {proof for row in ROWS for proof in row.proofs if isinstance(proof, Proof)}
NO_SUCH_THING = {"two orchestrators at once, one paused for long": "choreography"}
"""Rows that one of the modes does not have."""

PROVEN_MIN = 36
"""Rows with a test in each mode that they have: more may come, and none may go."""


@cache
def _tests(path: Path) -> dict[str, str]:
    """By name, the decorators of every test of a file, with the whole file's marks."""
    tree = ast.parse(path.read_text())
    marks = "".join(ast.unparse(node) for node in tree.body if "pytestmark" in ast.unparse(node))
    return {
        node.name: marks + " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.anomaly)
@pytest.mark.parametrize("mode", PROVES)
def test_a_row_has_its_test_or_says_that_there_is_none_yet(row: Row, mode: str) -> None:
    has_none = NO_SUCH_THING.get(row.anomaly) == mode
    assert bool(in_mode(row, mode)) is not has_none, f"{row.anomaly}: no test in {mode}"


@pytest.mark.parametrize("proof", sorted(PROOFS, key=str), ids=lambda proof: proof.test)
def test_a_test_that_is_named_is_there_and_runs(proof: Proof) -> None:
    path = ROOT / "tests" / proof.module
    assert path.is_file(), f"{proof.module} is not there"
    name = f"test_{proof.test}"
    assert name in _tests(path), f"{proof.module} has no {name}"
    decorators = _tests(path)[name]
    assert "skip" not in decorators, f"{name} is left out"
    assert "xfail" not in decorators, f"{name} may fail"
    by_mode = "mode" in decorators and "parametrize" in decorators
    assert by_mode or proof.modes is not Modes.EACH, f"{name} has no run a mode"


def test_rows_are_named_once_and_what_is_proven_stays_proven() -> None:
    assert len({row.anomaly for row in ROWS}) == len(ROWS)
    whole = [row for row in ROWS if not any(isinstance(p, NotYet) for p in row.proofs)]
    assert len(whole) >= PROVEN_MIN, f"{len(whole)} rows are wholly proven"


def test_the_readme_has_the_table() -> None:
    text = README.read_text()
    assert filled(text) == text, "make generate"
