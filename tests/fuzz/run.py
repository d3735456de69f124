"""The long run: `make fuzz MINUTES=20`. Every target in turn, a seed a round, until time is over.

What fails is printed with its smallest input, and with the command that finds it again.
"""

import argparse
import subprocess
import sys
import time
from typing import Final

from fuzz.decoders import DECODERS
from fuzz.handlers import HANDLERS
from fuzz.target import Target

INPUTS_A_ROUND: Final = 100
TARGETS: Final[tuple[Target, ...]] = (*DECODERS, *HANDLERS)
FAILED: Final = 1


def _commit() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"


def run(minutes: float, first_seed: int, targets: tuple[Target, ...]) -> int:
    begin, seed, commit = time.monotonic(), first_seed, _commit()
    while time.monotonic() < begin + minutes * 60:
        for target in targets:
            if target.tried and time.monotonic() > begin + minutes * 60:
                break  # on a busy machine a round takes long; each target was tried once
            try:
                target.run(INPUTS_A_ROUND, seed)
            except BaseException:
                again = f"make fuzz SEED={seed} TARGET='{target.name}'"
                print(f"\n{target.name} fails in round {seed}; again: {again}", file=sys.stderr)
                raise
        seed += 1
        if sys.stderr.isatty():
            passed = (time.monotonic() - begin) / 60
            tried = sum(target.tried for target in targets)
            print(f"\r{passed:.1f} min, {tried} inputs", end="", file=sys.stderr, flush=True)
    _print_table(targets)
    print(
        f"\nfuzz: {sum(target.tried for target in targets)} inputs to {len(targets)} targets in "
        f"{(time.monotonic() - begin) / 60:.1f} min, seeds {first_seed} to {seed - 1}, "
        f"commit {commit}: nothing failed"
    )
    return _check_seen(targets)


def _print_table(targets: tuple[Target, ...]) -> None:
    print("| target | inputs | what they came to |\n|---|---|---|")
    for target in targets:
        came_to = ", ".join(f"{what} {count}" for what, count in sorted(target.seen.items()))
        print(f"| {target.name} | {target.tried} | {came_to} |")


def _check_seen(targets: tuple[Target, ...]) -> int:
    unseen = [target.name for target in targets if not all(target.seen[w] for w in target.must_see)]
    for name in unseen:
        print(f"{name} did not see all that it must: run it longer", file=sys.stderr)
    return FAILED if unseen else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--target", default="", help="all targets that have this in their name")
    options = parser.parse_args()
    chosen = tuple(target for target in TARGETS if options.target in target.name)
    if not chosen:
        parser.error(f"--target is {options.target!r}; known: {[one.name for one in TARGETS]}")
    return run(options.minutes, options.seed, chosen)


if __name__ == "__main__":
    sys.exit(main())
