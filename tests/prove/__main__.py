"""`python -m prove` runs every stage, one after the other, and says what each came to."""

import os
import subprocess
import sys
import time

import proof
from prove.stages import SEEDS_OF_A_BUILD, STAGES, Stage


def _run(stage: Stage) -> tuple[int, float]:
    print(f"== {stage.name}", flush=True)
    begun = time.monotonic()
    paths = os.pathsep.join((str(proof.ROOT / "services"), str(proof.ROOT / "tests")))
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(stage.command, cwd=proof.ROOT, env=environment, check=False)
    return done.returncode, time.monotonic() - begun


def main() -> int:
    told = []
    for stage in STAGES:
        code, seconds = _run(stage)
        told.append((stage.name, code, seconds))
    print()
    for name, code, seconds in told:
        print(f"{'proved' if code == 0 else 'FAILED'}  {seconds:6.0f} s  {name}")
    if any(code for _, code, _ in told):
        return 1
    print(f"{SEEDS_OF_A_BUILD:,} seeds: {proof.odds(SEEDS_OF_A_BUILD)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
