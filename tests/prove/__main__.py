"""`python -m prove` runs every stage and says what each came to; `--record` keeps that in docs.

The stage that waits for real servers runs beside those that compute, which step back before it: so
no core is ever idle, and its processes are as quick as they would be alone.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import proof
from prove.stages import COMPUTED, POINTS, SEEDS_OF_A_BUILD, Stage

KIND: Final = "make prove"
STEPS_BACK: Final = 15
BACK: Final = ("nice", "-n", str(STEPS_BACK))
"""Before the command of what computes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one stage came to."""

    stage: Stage
    code: int
    seconds: float
    count: int

    @property
    def proved(self) -> bool:
        """A stage that says nothing of what it has tried has proved nothing."""
        return self.code == 0 and self.count > 0

    def text(self) -> str:
        word = "proved" if self.proved else "FAILED"
        tried = f"{self.count:,} {self.stage.what}"
        return f"{word}  {self.seconds:6.0f} s  {self.stage.name}: {tried}"


def run(stage: Stage, back: Sequence[str] = ()) -> Outcome:
    """One stage to its end; each of its lines is said with its name before it."""
    begun, count = time.monotonic(), 0
    paths = os.pathsep.join((str(proof.ROOT / "services"), str(proof.ROOT / "tests")))
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        (*back, *stage.command),
        cwd=proof.ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            print(f"{stage.what:>18} | {line.rstrip()}", flush=True)
            found = re.match(stage.counted, line)
            count = int(found[1].replace(",", "")) if found else count
    return Outcome(stage, process.returncode, time.monotonic() - begun, count)


def run_all(waits: Stage, computed: Sequence[Stage]) -> list[Outcome]:
    """The one that waits beside the others, one after the other."""
    beside: list[Outcome] = []
    thread = threading.Thread(target=lambda: beside.append(run(waits)))
    thread.start()
    outcomes = [run(stage, BACK) for stage in computed]
    thread.join()
    return [*outcomes, *beside]


def record(outcomes: Sequence[Outcome]) -> None:
    """A row a stage; one that failed has broken a promise."""
    proof.append(
        proof.row(KIND, one.stage.what, one.count, int(not one.proved), one.seconds)
        for one in outcomes
    )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="prove", description=__doc__)
    parser.add_argument("--record", action="store_true", help="append to docs/proof.jsonl")
    asked = parser.parse_args(arguments)
    begun = time.monotonic()
    outcomes = run_all(POINTS, COMPUTED)
    print("", *(one.text() for one in outcomes), sep="\n")
    if asked.record:
        record(outcomes)
    print(f"all of it: {(time.monotonic() - begun) / 60:.1f} minutes")
    if not all(one.proved for one in outcomes):
        return 1
    print(f"{SEEDS_OF_A_BUILD:,} seeds: {proof.odds(SEEDS_OF_A_BUILD)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
