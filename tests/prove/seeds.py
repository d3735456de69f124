"""`python -m prove.seeds COUNT`: simulate the next COUNT seeds and append what it came to.

Begins after the highest seed that the file has, so that slices can be run one by one, on any
machine, and a slice that was broken off is simply run again.
"""

import argparse
import sys

import proof
from sim import runner

KIND, WHAT = "simulation", "seeds"
FIRST_SEED = 1_000_000
"""Lower ones are those of every build."""


def next_seed() -> int:
    """The first that no slice has run."""
    ran = [int(one.details["last_seed"]) for one in proof.read() if one.kind == KIND]
    return max(ran, default=FIRST_SEED - 1) + 1


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="prove.seeds", description=__doc__)
    parser.add_argument("count", type=int, help="how many seeds, 1000 and more")
    parser.add_argument("--workers", type=int, default=None, help="processes; default: all cores")
    asked = parser.parse_args(arguments)
    first = next_seed()
    seeds = range(first, first + asked.count)
    summed = runner.run(seeds, asked.workers)
    print(runner.summary(summed))
    of_the_slice = {"first_seed": seeds[0], "last_seed": seeds[-1], "orders": summed.orders}
    violations = len(summed.violations)
    proof.append([proof.row(KIND, WHAT, len(seeds), violations, summed.seconds, **of_the_slice)])
    found = summed.faults_of_the_run()
    print("\n".join([*(f"FAILED {line}" for line in found), *proof.totals(proof.read())]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
