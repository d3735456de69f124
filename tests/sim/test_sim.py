"""A small run in every build, and that a seed is the same story wherever it is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEEDS = "0..1199"


def simulate(seeds: str, hash_seed: str = "0") -> str:
    """In a process of its own: the simulator takes the place of asyncio in production modules."""
    paths = os.pathsep.join((str(ROOT / "services"), str(ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, "-m", "sim", seeds],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.mark.timeout(1_800)
def test_every_promise_holds_in_every_seed() -> None:
    print(simulate(SEEDS))


@pytest.mark.parametrize("seed", ["10", "11", "12"])
def test_a_seed_alone_decides(seed: str) -> None:
    story = simulate(seed, "1")
    assert len(story.splitlines()) > 100
    assert simulate(seed, "2") == story
