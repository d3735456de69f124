"""`python -m e2e.faults points|pairs|long|next|totals`: real faults, and the verdict after them.

Progress goes to stderr, a line a trial; the result to stdout. Exit code 1 where a death was not
seen, an order did not end, or an invariant is broken.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import proof
from brewsaga.stack import KafkaChoice, Stack, StackConfig, running
from e2e.faults import cases, long, plan
from e2e.faults.cases import Trial
from e2e.faults.runner import SETTINGS, Runner, Verdict
from e2e.world import world

PAIRS: Final = "pairs of crash points"
FAILED: Final = 1
USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; the exit code."""
    options = _parser().parse_args(arguments)
    return int(options.run(options))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _config(brokers: int = 1, *, detour: bool = False) -> StackConfig:
    chosen = StackConfig.from_environment(brokers=brokers)
    return replace(chosen, kafka=KafkaChoice.REAL, kafka_detour=detour)


def _logs() -> Path:
    return Path(tempfile.mkdtemp(prefix="brewsaga-faults-"))


# ---------------------------------------------------------------- crash points


def _points(given: argparse.Namespace) -> int:
    every = cases.every_trial()
    return _try(given, {"crash points": [one for one in every if given.only in one.name]})


def _pairs(given: argparse.Namespace) -> int:
    begin, _, end = given.within.partition(":")
    within = cases.pairs_within_a_handler()[int(begin or 0) : int(end) if end else None]
    drawn = cases.random_pairs(given.random, given.seed)
    return _try(given, {f"{PAIRS} within a handler": within, f"{PAIRS} at random": drawn})


def _try(given: argparse.Namespace, wanted: Mapping[str, Sequence[Trial]]) -> int:
    trials = [trial for some in wanted.values() for trial in some]
    if not trials:
        _tell("no trial was asked for, or none has such a name")
        return USAGE
    logs = _logs()
    with running(_config()) as stack:
        print(stack.describe(), flush=True)
        verdict = asyncio.run(_run(stack, logs, trials))
    print("\n".join(verdict.report.text()))
    for line in verdict.not_passed:
        print(f"not passed: {line}")
    print(verdict.summary())
    if given.record:
        proof.append(_rows(given, wanted, verdict))
    return _verdict(verdict.kept, logs)


async def _run(stack: Stack, logs: Path, trials: Sequence[Trial]) -> Verdict:
    async with world(stack, logs, **SETTINGS) as here:
        return await Runner(here, _tell).run(trials)


def _rows(
    given: argparse.Namespace, wanted: Mapping[str, Sequence[Trial]], verdict: Verdict
) -> list[proof.Row]:
    """What was passed of each kind; a trial that was not is none."""
    failed = {line.partition(": ")[0] for line in verdict.not_passed}
    counted = {
        what: sum(trial.name not in failed for trial in trials)
        for what, trials in wanted.items()
        if trials
    }
    return [
        proof.row("crash points", what, count, verdict.violations, verdict.seconds, **_told(given))
        for what, count in {**counted, "deaths at a crash point": verdict.deaths}.items()
    ]


def _told(given: argparse.Namespace) -> dict[str, Any]:
    """What makes a row's run repeatable."""
    names = ("slice", "random", "seed", "within", "brokers", "wipes")
    return {name: getattr(given, name) for name in names if getattr(given, name, None) is not None}


def _verdict(kept: bool, logs: Path) -> int:
    if not kept:
        print(f"the services' logs are in {logs}")
    return 0 if kept else FAILED


# ---------------------------------------------------------------- a slice of the long proof


def _long(given: argparse.Namespace) -> int:
    logs, asked = _logs(), long.Slice(given.seconds, given.seed, given.wipes)
    with running(_config(given.brokers, detour=True)) as stack:
        print(stack.describe(), flush=True)
        outcome = asyncio.run(long.run(stack, logs, asked))
    print("\n".join(outcome.report.text()))
    for text in outcome.died_by_themselves:
        print(f"nobody killed it: {text}")
    print(json.dumps(outcome.done, indent=1))
    orders = ", ".join(f"{count} {mode.long}" for mode, count in outcome.orders.items())
    print(f"orders: {orders}; after the last heal: {outcome.late()}")
    print(f"{outcome.violations} violations, {outcome.seconds:.0f} s")
    if given.record:
        proof.append(outcome.rows(**_told(given)))
    return _verdict(outcome.kept, logs)


def _next(_given: argparse.Namespace) -> int:
    """The next slice of the plan; its rows say that it is done."""
    number = plan.next_slice(proof.read())
    step, words = plan.step_of(number), ["--record", "--slice", str(number), "--seed", str(number)]
    if step.pairs_within:
        begin, end = plan.within_of(number)
        words = ["pairs", *words, "--within", f"{begin}:{end}"]
    elif step.random_pairs:
        words = ["pairs", *words, "--random", str(step.random_pairs)]
    else:
        how = ("--wipes", str(step.wipes), "--brokers", str(step.brokers))
        words = ["long", *words, "--seconds", str(plan.LONG_SECONDS), *how]
    _tell(f"slice {number}: python -m e2e.faults {' '.join(words)}")
    return main(words)


def _totals(_given: argparse.Namespace) -> int:
    rows = proof.read()
    print("\n".join([*plan.progress(rows), "", *proof.totals(rows)]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e.faults", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="points|pairs|long|next|totals")
    points = commands.add_parser("points", help="each point of each handler in each mode once")
    points.add_argument("--only", default="", help="trials whose name contains this")
    points.set_defaults(run=_points)
    pairs = commands.add_parser("pairs", help="two deaths on one saga's way")
    pairs.add_argument("--seed", type=int, default=1)
    pairs.add_argument("--random", type=int, default=0, help="so many drawn by the seed")
    pairs.add_argument("--within", default="0:0", help="FROM:TO of all pairs within a handler")
    pairs.set_defaults(run=_pairs)
    slices = commands.add_parser("long", help="one slice of orders under faults without a pause")
    slices.add_argument("--seconds", type=float, default=300.0)
    slices.add_argument("--seed", type=int, default=1)
    slices.add_argument("--wipes", type=int, default=0, help="how often Kafka loses everything")
    slices.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    slices.set_defaults(run=_long)
    for command in (points, pairs, slices):
        command.add_argument("--record", action="store_true", help="append to docs/proof.jsonl")
        command.add_argument("--slice", type=int, help="its number in the plan")
    following = commands.add_parser("next", help="the next slice of the plan, and record it")
    following.set_defaults(run=_next)
    totals = commands.add_parser("totals", help="what docs/proof.jsonl comes to")
    totals.set_defaults(run=_totals)
    return parser


if __name__ == "__main__":
    sys.exit(main())
