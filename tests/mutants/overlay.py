"""The production code with one bug planted, in a folder of its own."""

import os
import shutil
from pathlib import Path

from mutants.planted import Mutant

ROOT = Path(__file__).resolve().parents[2]


class Unplantable(Exception):  # noqa: N818 - named for what was found
    """The text that a bug replaces is not there exactly once: plant it anew."""


def altered(mutant: Mutant) -> dict[str, str]:
    """The text of each file that the bug changes. Raises Unplantable."""
    texts: dict[str, str] = {}
    for change in mutant.changes:
        text = texts.get(change.file) or (ROOT / "services" / change.file).read_text()
        if text.count(change.old) != 1:
            raise Unplantable(
                f"{mutant.name!r}: {change.file} has {text.count(change.old)} times, not once: "
                f"{change.old!r}; plant it anew in tests/mutants"
            )
        texts[change.file] = text.replace(change.old, change.new)
    return texts


def plant(mutant: Mutant, folder: Path) -> Path:
    """Copy `services` into the folder, with the bug. Raises Unplantable."""
    texts, services = altered(mutant), folder / "services"
    shutil.copytree(ROOT / "services", services, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in texts.items():
        (services / name).write_text(text)
    return services


def environment(services: Path) -> dict[str, str]:
    """Import the planted code before the true one."""
    paths = os.pathsep.join((str(services), str(ROOT / "tests")))
    return {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
