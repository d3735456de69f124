"""Breadth-first search over everything that can happen to one saga, and what must never be found
there.

Safety: every reachable state is judged. Liveness: at every reachable tuple of database states the
network is emptied (a broker that lost everything); from there an end must stay reachable by saying
again alone.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from model.saga import (
    CHARGE,
    ENDS,
    REFUND,
    RELEASE,
    RESERVE,
    SHIP,
    State,
    World,
    initial,
    successors,
    wiped,
)

STATES_MAX = 20_000
"""A search beyond this is a mistake in the rules or in the search: one saga has some hundreds."""

S = TypeVar("S", bound=Hashable)
END_LEFT = "end left"


@dataclass(frozen=True)
class Found:
    """What a search came to. `stuck` is None where messages are delivered once only: then loss is
    final.
    """

    states: int
    databases: int
    violations: dict[str, list[str]]
    stuck: int | None


def judge(state: State, forgetful: frozenset[str]) -> list[str]:
    """The broken promises of a state. Of a participant without memory nothing is asked that only
    memory can give.
    """
    charged, refunded, reserved, released, shipped = (
        state.effects[index] for index in (CHARGE, REFUND, RESERVE, RELEASE, SHIP)
    )
    remembers = {name: name not in forgetful for name in ("payment", "inventory", "shipment")}
    failed = state.order == "FAILED"
    complete = shipped and charged > refunded and reserved > released
    promises = {
        "shipped AND refunded": shipped and refunded,
        "shipped AND released": shipped and released,
        "charged twice": charged > 1 and remembers["payment"],
        "refund without charge / twice": refunded > charged,
        "refunded twice": refunded > 1 and remembers["payment"],
        "reserve/release doubled": (reserved > 1 or released > 1 or released > reserved)
        and remembers["inventory"],
        "shipped twice": shipped > 1 and remembers["shipment"],
        "order FAILED but shipped": failed and shipped,
        "order FAILED but money kept": failed and charged > refunded and remembers["payment"],
        "order FAILED but stock held": failed and reserved > released and remembers["inventory"],
        "order SUCCESS without charge+reserve+ship": state.order == "SUCCESS" and not complete,
    }
    return [name for name, broken in promises.items() if broken]


def explore(world: World, forgetful: frozenset[str] = frozenset()) -> Found:
    """Search one saga in `world`, exhaustively. Raises AssertionError beyond STATES_MAX."""
    start = initial(world.mode)
    parents: dict[State, tuple[State, str] | None] = {start: None}
    first_broken: dict[str, State] = {}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        for name in judge(state, forgetful):
            first_broken.setdefault(name, state)
        for label, after in successors(world, state):
            if after not in parents:
                parents[after] = (state, label)
                queue.append(after)
                assert len(parents) <= STATES_MAX, f"more than {STATES_MAX} states"
            if state.orchestrator in ENDS and after.orchestrator != state.orchestrator:
                first_broken.setdefault(END_LEFT, after)
    return Found(
        states=len(parents),
        databases=len({(s.order, s.orchestrator, s.rows) for s in parents}),
        violations={name: _story(parents, state) for name, state in first_broken.items()},
        stuck=stuck(world, parents) if world.duplicates else None,
    )


def stuck(world: World, states: Iterable[State]) -> int:
    """How many reachable database states cannot reach an end once the network is empty."""
    cores = {wiped(state) for state in states}
    return len(without_end(cores, lambda s: _fair(world, s), lambda s: s.order != "open"))


def _fair(world: World, state: State) -> list[State]:
    return [after for _, after in successors(world, state, fair=True)]


def without_end(
    starts: Iterable[S], follow: Callable[[S], Iterable[S]], ended: Callable[[S], bool]
) -> set[S]:
    """The starts from which no ended state can be reached."""
    starts = set(starts)
    before: dict[S, list[S]] = {}
    known, todo = set(starts), list(starts)
    while todo:
        state = todo.pop()
        for after in follow(state):
            before.setdefault(after, []).append(state)
            if after not in known:
                known.add(after)
                todo.append(after)
    good = {state for state in known if ended(state)}
    todo = list(good)
    while todo:
        for earlier in before.get(todo.pop(), ()):
            if earlier not in good:
                good.add(earlier)
                todo.append(earlier)
    return starts - good


def _story(parents: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    """The shortest way to a state, in words."""
    story: list[str] = []
    step = parents[state]
    while step is not None:
        state, label = step
        story.append(label)
        step = parents[state]
    return story[::-1]
