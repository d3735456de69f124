"""The files of the project, as the architecture tests look at them. It must not import any of
them.
"""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ("services/saga/v1/", "requirements/")
"""Written by tools: no rule of style holds there, and their own check compares them with their
source.
"""


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is, or is about to be, in the repository; without git, every file of a
    checkout.
    """
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        found = [ROOT / name for name in listed]
    else:
        found = [path for path in ROOT.rglob("*") if not _is_hidden(path)]
    return tuple(sorted(path for path in found if path.is_file()))


def written(*suffixes: str, under: str = "") -> list[Path]:
    """The files that people write, by suffix and folder; never empty by mistake, for that proves
    nothing.
    """
    found = [
        path
        for path in tracked()
        if path.suffix in suffixes
        and name_of(path).startswith(under)
        and not name_of(path).startswith(GENERATED)
    ]
    assert found, f"no {suffixes} under {under!r} in {ROOT}"
    return found


def name_of(path: Path) -> str:
    """The path inside the project, with slashes."""
    return path.relative_to(ROOT).as_posix()


def _is_hidden(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part.startswith(".") and part != ".ci" for part in parts) or "__pycache__" in parts
