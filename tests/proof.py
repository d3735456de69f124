"""What long proofs came to, a line a fact, in one file that only grows (docs/proof.jsonl).

Every slice of a long run appends its rows; what is claimed is summed from them. Any proof may use
it: seeds of a simulation as well as kills of processes. It must not know what a row is about.
"""

import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
FILE: Final = ROOT / "docs" / "proof.jsonl"
CERTAINTY: Final = 0.95


@dataclass(frozen=True, slots=True)
class Row:
    """So many of `what`, seen by a proof of this `kind`, broke so many promises.

    `seconds` is how long the proof ran that this row is of; `details` are its own.
    """

    kind: str
    what: str
    count: int
    violations: int
    seconds: float
    commit: str
    machine: str
    at: str
    details: dict[str, Any] = field(default_factory=dict)


def row(kind: str, what: str, count: int, violations: int, seconds: float, **details: Any) -> Row:
    """A row of now, of this commit, on this machine."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Row(kind, what, count, violations, round(seconds, 1), commit(), machine(), at, details)


def append(rows: Iterable[Row], file: Path = FILE) -> None:
    """Add them to the end of the file."""
    with file.open("a") as lines:
        lines.writelines(json.dumps(asdict(one)) + "\n" for one in rows)


def read(file: Path = FILE) -> list[Row]:
    """All that was ever appended."""
    if not file.exists():
        return []
    return [Row(**json.loads(line)) for line in file.read_text().splitlines()]


def totals(rows: Iterable[Row]) -> list[str]:
    """A line for each kind and what: how many in all, and what that rules out."""
    sums: dict[tuple[str, str], list[float]] = {}
    for one in rows:
        found = sums.setdefault((one.kind, one.what), [0, 0, 0.0])
        for place, value in enumerate((one.count, one.violations, one.seconds)):
            found[place] += value
    return [
        f"{kind}: {what}: {count:,.0f}, {violations:.0f} violations, {seconds / 60:.0f} min"
        f"{'' if violations or not count else f'; {odds(int(count))}'}"
        for (kind, what), (count, violations, seconds) in sorted(sums.items())
    ]


def odds(count: int) -> str:
    """The rule of three: what frequency would have been seen in so many tries without a find."""
    frequency = -math.log(1 - CERTAINTY) / count
    return f"a fault in more than 1 of {1 / frequency:,.0f} would have been seen at {CERTAINTY:.0%}"


def commit() -> str:
    """The commit that was tried; with a plus where files differ from it, this one left aside."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = [line[3:] for line in _git("status", "--porcelain").splitlines()]
    clean = all(name.strip() == FILE.relative_to(ROOT).as_posix() for name in changed)
    return head if clean else f"{head}+"


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return answer.stdout.rstrip()


def machine() -> str:
    """Its processor and how many cores of it."""
    name = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        models = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name}, {os.cpu_count()} cores"
