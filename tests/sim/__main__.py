"""`python -m sim 1..1000` runs seeds, `python -m sim 7` tells the story of one, line by line."""

import argparse
import sys

from sim import runner
from sim.scenario import play


def _range(text: str) -> range:
    first, dots, last = text.partition("..")
    try:
        seeds = range(int(first), int(last if dots else first) + 1)
    except ValueError:
        seeds = range(0)
    if not seeds or seeds[0] < 0:
        raise argparse.ArgumentTypeError(f"seeds are {text!r}, must be A..B or N, from 0 up")
    return seeds


def _tell(seed: int) -> int:
    runner.start()
    told, world = play(seed, story=True)
    print(f"seed {seed}, {told.modes}, {told.orders} orders; rates: {world.rates}\n")
    print(f"{'AT':>9}  {'WHO':<16} {'WHAT':<24} DETAIL")
    for at, who, what, detail in world.lines or ():
        print(f"{at:8.3f}s  {who:<16} {what:<24} {detail}")
    print(f"\n{told.deliveries} deliveries, {told.faults} faults")
    print(f"VIOLATED {told.violation}" if told.violation else "every promise held")
    return 1 if told.violation else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="sim", description=__doc__)
    parser.add_argument("seeds", type=_range, help="A..B runs them all, N tells one")
    parser.add_argument("--workers", type=int, default=None, help="processes; default: all cores")
    asked = parser.parse_args(arguments)
    if len(asked.seeds) == 1:
        return _tell(asked.seeds[0])
    summed = runner.run(asked.seeds, asked.workers)
    print(runner.summary(summed))
    width = max(map(len, summed.seen), default=0)
    for what, count in sorted(summed.seen.items()):
        print(f"  {what:<{width}}  in {count / summed.seeds:6.1%} of the seeds")
    found = summed.faults_of_the_run()
    for line in found:
        print(f"FAILED {line}")
    if summed.violations:
        print(f"the story of the first: make sim SEED={summed.violations[0][0]}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
