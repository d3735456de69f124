"""The commands of `python -m peers`: what is asked for, the stack for it, and the result file."""

import argparse
from collections.abc import Sequence
from typing import Final

from brewsaga.errors import CommandError
from brewsaga.machine import tell
from brewsaga.stack import Stack, is_embedded
from brewsaga.visit import visit
from peers import scoreboard
from peers.cases import BY_NAME as CASE_BY_NAME
from peers.cases import CASES
from peers.conform import OURS, Conformance
from peers.engines import PEERS
from peers.environments import NotHereError
from peers.results import FILE, Judged, Load, Results, changed, machine
from peers.speed import measure

ENGINES: Final = (*OURS, *(peer.name for peer in PEERS))
FAILED: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; the exit code."""
    options = _parser().parse_args(arguments)
    return int(options.run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m peers")
    commands = parser.add_subparsers(required=True, metavar="all|speed|conform|case|table")
    for name, run in (("all", _all), ("speed", _speed), ("conform", _conform)):
        command = commands.add_parser(name)
        command.add_argument("--peer", nargs="*", choices=ENGINES, default=list(ENGINES))
        command.add_argument("--rounds", type=int, default=3)
        command.add_argument("--case", nargs="*", choices=list(CASE_BY_NAME), default=None)
        command.add_argument("--add", action="store_true", help="rounds beside those recorded")
        command.add_argument("--missing", action="store_true", help="only what is not recorded")
        command.set_defaults(run=run)
    case = commands.add_parser("case", help="one case on one engine; records nothing")
    case.add_argument("peer", choices=ENGINES)
    case.add_argument("case", choices=list(CASE_BY_NAME))
    case.add_argument("--fence", action="store_true", help="participants bar what was undone")
    case.set_defaults(run=_case)
    table = commands.add_parser("table", help="draw docs/scoreboard.md from the result file")
    table.add_argument("--check", action="store_true", help="compare, and write nothing")
    table.set_defaults(run=scoreboard.run)
    return parser


def _all(given: argparse.Namespace) -> int:
    _speed(given)
    return _conform(given)


def _speed(given: argparse.Namespace) -> int:
    kept: set[str] = set()

    def keep(engine: str, loads: list[Load]) -> None:
        with changed() as results:
            before = results.speed.get(engine, []) if given.add or engine in kept else []
            results.speed[engine] = [*before, loads]
            results.absent.pop(engine, None)
        kept.add(engine)

    with visit("peers") as here:
        absent = measure(here, given.peer, given.rounds, keep)
        with changed() as results:
            results.absent.update(absent)
        _finish(here.stack)
    return 0


def _conform(given: argparse.Namespace) -> int:
    wanted = CASES if given.case is None else [CASE_BY_NAME[name] for name in given.case]
    known = Results.read().cases if given.missing else {}
    with visit("peers") as here:
        judging = Conformance(here.stack, here.folder, _keep)
        for engine in given.peer:
            cases = [case for case in wanted if case.name not in known.get(engine, {})]
            try:
                judging.judge(engine, cases)
            except NotHereError as error:
                tell(f"{engine}: not here: {error}")
                with changed() as results:
                    results.absent[engine] = str(error).splitlines()[0]
            except CommandError as error:
                tell(f"{engine}: {error}")
        _finish(here.stack)
    judged = Results.read().cases
    ours = [one for engine in OURS for one in judged.get(engine, {}).values()]
    return 0 if all(one.passed for one in ours) else FAILED


def _keep(engine: str, case: str, judged: Judged) -> None:
    with changed() as results:
        results.cases.setdefault(engine, {})[case] = judged
        results.absent.pop(engine, None)


def _case(given: argparse.Namespace) -> int:
    found: list[Judged] = []

    def keep(_engine: str, _case: str, judged: Judged) -> None:
        found.append(judged)

    case = CASE_BY_NAME[given.case]
    with visit("peers") as here:
        judging = Conformance(here.stack, here.folder, keep, fence=given.fence)
        judging.judge(given.peer, [case])
    judged = found[-1]
    print(f"{given.case}: {case.says}")
    print(f"  what was done: {judged.moves or '-'}")
    for problem in judged.problems:
        print(f"  wrong: {problem}")
    if judged.not_applicable:
        print(f"  not applicable: {judged.not_applicable}")
    if judged.fenced is not None:
        print(f"  with participants that fence: {'passed' if judged.fenced else 'the same'}")
    print("passed" if judged.passed else "NOT PASSED")
    return 0 if judged.passed else FAILED


def _finish(stack: Stack) -> None:
    with changed() as results:
        if not is_embedded(stack.kafka.bootstrap) or not results.machine:
            results.machine = machine(stack.describe())
        results.versions.update({peer.name: peer.version for peer in PEERS})
    scoreboard.write(Results.read())
    tell(f"written: {FILE.name} and {scoreboard.PAGE.name}")
