"""The result file: what was measured and judged, by whom and where; each run adds its part.

Knows the form of the file, and not how anything in it came about.
"""

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).resolve().parents[2] / "docs" / "scoreboard.json"


@dataclass(frozen=True, slots=True)
class Judged:
    """One case on one engine. `fenced`: whether it passed once participants fenced (None: not
    tried).
    """

    passed: bool
    problems: list[str]
    moves: str
    seconds: float
    not_applicable: str = ""
    fenced: bool | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """One measure: so many sagas at once. CPU-seconds are per 1,000 sagas, of all processes."""

    at_once: int
    sagas: int
    sagas_per_second: float
    p50_ms: float | None
    p99_ms: float | None
    cpu_seconds: float


@dataclass(slots=True)
class Results:
    """The whole file. By engine: its version, cases by name, and the loads of each round."""

    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    cases: dict[str, dict[str, Judged]] = field(default_factory=dict)
    speed: dict[str, list[list[Load]]] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path = FILE) -> "Results":
        if not file.exists():
            return cls()
        told = json.loads(file.read_text())
        cases = {
            engine: {name: Judged(**one) for name, one in judged.items()}
            for engine, judged in told["cases"].items()
        }
        speed = {
            engine: [[Load(**one) for one in loads] for loads in rounds]
            for engine, rounds in told["speed"].items()
        }
        return cls(told["machine"], told["versions"], told["absent"], cases, speed)

    def write(self, file: Path = FILE) -> None:
        file.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n")


@contextmanager
def changed(file: Path = FILE) -> Iterator[Results]:
    """The results, to be changed within a block and written at its end; of two runs one waits."""
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        results = Results.read(file)
        yield results
        results.write(file)


def machine(stack: str) -> dict[str, Any]:
    """What was run on: cores, memory, processor, kernel, Python, Kafka and Postgres."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory_bytes / 2**30),
        "processor": _processor(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "stack": [
            line.partition(":")[2].partition(" at ")[0].strip() for line in stack.splitlines()
        ],
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
