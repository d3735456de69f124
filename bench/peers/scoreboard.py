"""Draws docs/scoreboard.md from the result file: pure but for reading and writing the two.

What the page claims of an engine is in the file or in `engines.py`; nothing is judged here.
"""

import argparse
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from peers.cases import CASES
from peers.conform import OURS
from peers.engines import PEERS
from peers.results import Judged, Load, Results

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "scoreboard.md"
STALE: Final = 1
TITLES: Final = {
    "brewsaga-choreo": "BrewSaga, choreography",
    "brewsaga-orch": "BrewSaga, orchestration",
    **{peer.name: peer.title for peer in PEERS},
}
PASSED, FENCED, FAILED, NOT_APPLICABLE, UNKNOWN = "✔", "fence", "✖", "n/a", " "
HEAD: Final = """\
# The scoreboard

Three durable steps (charge, reserve, ship; undone by refund and release) on what people would use
instead. Written by `make peers` from `docs/scoreboard.json`; one case again:
`make peers-case PEER=dbos CASE=crash-after-charge`. Versions are pinned in `bench/peers/locks`,
each peer's whole adapter is one file in `bench/peers/adapters`.
"""
SPEED: Final = """\
Peers run in a closed loop in one process of theirs, {levels} sagas at once, the best of these being
"saturated"; **their steps do nothing**, so the figure is the engine's alone and an upper bound.
BrewSaga's is that of `make bench`: five services, the participants writing ledger, stock and
assignments in databases of their own, ten thousand orders at once. CPU is of all processes: worker,
server, Postgres, Kafka. Medians, in brackets the least and the most of the rounds, which were
interleaved. "We are" is the median of BrewSaga's saturated rate over the peer's, in choreography
and in orchestration.
"""
JUDGED: Final = """\
Judged by a side ledger to which participants write before they answer, one row a saga and action,
never by the engine's word: money and stock conserved, nobody shipped and refunded, undone in
reverse order, everything ended, and what the engine says of the saga true. A participant answers a
key that it knows from its row, as anyone's would. BrewSaga brings its own participants, so there
the moves in their tables are read, to which services can only add. Where a step could have been
done or not, both consistent ends are right.

✔ passed · ✖ not passed · `fence` passed only once its participants also bar an action whose undo
came first, which its user would have to write · n/a does not apply, with the reason below.
"""


def run(given: argparse.Namespace) -> int:
    """Write the page, or compare it with what it should be."""
    wanted = page(Results.read())
    if not given.check:
        PAGE.write_text(wanted)
        return 0
    if PAGE.exists() and PAGE.read_text() == wanted:
        return 0
    print("docs/scoreboard.md is not what docs/scoreboard.json says: make peers-table")
    return STALE


def write(results: Results) -> None:
    PAGE.write_text(page(results))


def page(results: Results) -> str:
    """The whole page."""
    parts = [HEAD, *_machine(results), "## Speed\n", SPEED.format(levels=_levels(results))]
    parts += ["\n".join(_speed(results)), "\n## Conformance\n", JUDGED]
    parts += ["\n".join(_cases(results)), "\n## What went wrong\n", "\n".join(_wrong(results))]
    parts += ["\n## What each does better than BrewSaga\n", "\n".join(_better())]
    return "\n".join(parts) + "\n"


def _machine(results: Results) -> Iterator[str]:
    told = results.machine
    if told:
        yield (
            f"{told['cores']} cores of {told['processor']}, {told['memory_gib']} GiB, Linux "
            f"{told['kernel']}, Python {told['python']}; {'; '.join(told['stack'])}. Everything on "
            "this machine, the load too.\n"
        )
    for engine, reason in sorted(results.absent.items()):
        yield f"Not here: {TITLES[engine]}: {reason}.\n"


def _engines(results: Results) -> list[str]:
    """Ours first, then the peers that have any result."""
    known = {*results.cases, *results.speed}
    return [engine for engine in TITLES if engine in known]


# ---------------------------------------------------------------- speed


def _levels(results: Results) -> str:
    theirs = [rounds for engine, rounds in results.speed.items() if engine not in OURS]
    found = sorted({load.at_once for rounds in theirs for loads in rounds for load in loads})
    return ", ".join(str(one) for one in found) or "no"


def _speed(results: Results) -> Iterator[str]:
    if not any(results.speed.values()):
        yield "**Not measured yet**: `make peers-speed` does."
        return
    yield "| | saturated, sagas/s | at | alone p50 ms | p99 ms | CPU-s per 1,000 | we are | store |"
    yield "|---|---|---|---|---|---|---|---|"
    stores = {peer.name: f"{peer.version}: {peer.store}" for peer in PEERS}
    ours = "real Kafka, Postgres, fsync on"
    for engine in _engines(results):
        rounds = results.speed.get(engine)
        if rounds:
            times = "" if engine in OURS else _times(results, rounds)
            store = stores.get(engine, ours)
            yield f"| {TITLES[engine]} | {_figures(rounds)} | {times} | {store} |"


def _times(results: Results, theirs: Sequence[Sequence[Load]]) -> str:
    mine = (_saturated(results.speed[engine]) for engine in OURS if engine in results.speed)
    return ", ".join(f"{rate / _saturated(theirs):,.1f}×" for rate in mine)


def _saturated(rounds: Sequence[Sequence[Load]]) -> float:
    best = _best_level(rounds)
    return statistics.median(
        load.sagas_per_second for loads in rounds for load in loads if load.at_once == best
    )


def _figures(rounds: Sequence[Sequence[Load]]) -> str:
    best = _best_level(rounds)
    alone = [next(load for load in loads if load.at_once == 1) for loads in rounds]
    many = [next(load for load in loads if load.at_once == best) for loads in rounds]
    cells = [
        _spread([load.sagas_per_second for load in many], 0),
        f"{best:,}",
        _spread([load.p50_ms for load in alone if load.p50_ms is not None], 1),
        _spread([load.p99_ms for load in alone if load.p99_ms is not None], 1),
        _spread([load.cpu_seconds for load in many], 2),
    ]
    return " | ".join(cells)


def _best_level(rounds: Sequence[Sequence[Load]]) -> int:
    by_level: dict[int, list[float]] = {}
    for loads in rounds:
        for load in loads:
            by_level.setdefault(load.at_once, []).append(load.sagas_per_second)
    return max(by_level, key=lambda level: statistics.median(by_level[level]))


def _spread(figures: Sequence[float], digits: int) -> str:
    middle = statistics.median(figures)
    least, most = min(figures), max(figures)
    return f"{middle:,.{digits}f} ({least:,.{digits}f}–{most:,.{digits}f})"


# ---------------------------------------------------------------- conformance


def _cases(results: Results) -> Iterator[str]:
    engines = [engine for engine in _engines(results) if engine in results.cases]
    yield f"| case | {' | '.join(TITLES[engine] for engine in engines)} | what happens |"
    yield "|---|" + "---|" * (len(engines) + 1)
    for case in CASES:
        marks = (mark(results.cases[engine].get(case.name)) for engine in engines)
        yield f"| {case.name} | {' | '.join(marks)} | {case.says} |"
    sums = (_sum(list(results.cases[engine].values())) for engine in engines)
    yield f"| **passed** | {' | '.join(sums)} | |"
    whole = [TITLES[e] for e in engines if len(results.cases[e]) == len(CASES)]
    flawless = [TITLES[e] for e in engines if all(j.passed for j in results.cases[e].values())]
    both = [title for title in whole if title in flawless]
    yield f"\nPassed all that applies to them: {', '.join(both) or 'none'}."


def mark(judged: Judged | None) -> str:
    """One cell."""
    match judged:
        case None:
            return UNKNOWN
        case Judged(not_applicable=reason) if reason:
            return NOT_APPLICABLE
        case Judged(passed=True):
            return PASSED
        case Judged(fenced=True):
            return FENCED
        case _:
            return FAILED


def _sum(judged: Sequence[Judged]) -> str:
    marks = [mark(one) for one in judged]
    return f"{marks.count(PASSED)} of {len(marks) - marks.count(NOT_APPLICABLE)}"


def _wrong(results: Results) -> Iterator[str]:
    yield "Each is seen again by `make peers-case PEER=… CASE=…`.\n"
    for engine in _engines(results):
        judged = results.cases.get(engine, {})
        reasons = {one.not_applicable for one in judged.values() if one.not_applicable}
        failed = {name: one for name, one in judged.items() if not one.passed}
        if failed or reasons:
            yield f"**{TITLES[engine]}**\n"
        for case in CASES:
            if case.name in failed:
                yield f"- {case.name}: {'; '.join(failed[case.name].problems)}"
        for reason in sorted(reasons):
            yield f"- not applicable: {reason}"
        if failed or reasons:
            yield ""


def _better() -> Iterator[str]:
    for peer in PEERS:
        yield f"**{peer.title}** ({peer.settings})\n"
        yield from (f"- {line}" for line in peer.better)
        yield ""
