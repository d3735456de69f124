"""`python -m mutants.trial`: after how many seeds is the bug that is imported here caught?

Prints JSON: one count a trial, and what was found. Each trial begins at another seed.
"""

import json
import sys
import time

from sim import runner

TRIALS = 3
SEEDS_MAX = 3_000
CPU_SECONDS_MAX = 150.0
"""Of this process's own time, whatever else the machine does. After it no further trial is begun,
and one that has caught nothing by then has failed.
"""
FIRST_SEEDS = 100_000


def seeds_until_caught(trial: int, deadline: float) -> tuple[int, str]:
    """How many seeds it took, and the violation; 0 where nothing was found."""
    first = trial * FIRST_SEEDS
    for count in range(1, SEEDS_MAX + 1):
        told = runner.one(first + count)
        if told.violation:
            return count, told.violation
        if time.process_time() > deadline:
            break
    return 0, ""


def main() -> int:
    runner.start()
    deadline = time.process_time() + CPU_SECONDS_MAX
    counts: list[int] = []
    found = ""
    for trial in range(TRIALS):
        count, violation = seeds_until_caught(trial, deadline)
        if count == 0 and counts:
            break  # caught before, and only the time is over
        counts.append(count)
        found = found or violation
        if count == 0 or time.process_time() > deadline:
            break
    print(json.dumps({"counts": counts, "violation": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
