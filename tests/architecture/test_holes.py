"""Each hole of the table has its test, in the modes that it says, and no test is unlisted."""

import ast
from pathlib import Path

import pytest

from architecture.sources import ROOT
from e2e.holes.table import HOLES, Hole, Modes

TESTS = ROOT / "tests" / "e2e"
EACH_MODE = "parametrize('mode', list(Mode))"


def _tests(path: Path) -> dict[str, list[str]]:
    """The decorators of every test of a file, as they are written."""
    return {
        node.name: [ast.unparse(decorator) for decorator in node.decorator_list]
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


@pytest.mark.parametrize("hole", HOLES, ids=[hole.name for hole in HOLES])
def test_a_hole_has_its_test(hole: Hole) -> None:
    found = _tests(TESTS / hole.module)
    assert hole.test in found, f"{hole.name}: {hole.module} has no {hole.test}"
    in_each_mode = any(EACH_MODE in decorator for decorator in found[hole.test])
    assert in_each_mode == (hole.modes is Modes.EACH), f"{hole.name}: {hole.modes.value}"
    left_out = [d for d in found[hole.test] if "skip" in d or "xfail" in d or "long" in d]
    assert not left_out, f"{hole.name} is left out by {left_out}"


def test_no_hole_is_named_twice_and_no_test_is_unlisted() -> None:
    names = [hole.name for hole in HOLES]
    assert len(set(names)) == len(names)
    listed = {hole.test for hole in HOLES}
    assert len(listed) == len(HOLES), "a test closes one hole"
    there = {name for path in (TESTS / "holes").glob("test_*.py") for name in _tests(path)}
    assert there
    assert there <= listed, f"not in the table: {sorted(there - listed)}"
