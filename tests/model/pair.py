"""Two sagas on one unit of stock: what they share is the shelf, and nothing else.

Each saga is searched as alone; a reserve succeeds only while the unit is on the shelf, and which
saga takes it is the network's choice. The pair is kept sorted, since the two sagas are alike, and a
single saga's followers are computed once, since they depend on its own state and on the shelf
alone.
"""

from collections import deque
from dataclasses import dataclass

from model.rules import PARTICIPANTS
from model.saga import RELEASE, RESERVE, State, World, initial, successors, wiped
from model.search import judge, without_end
from sagakit.core.participant import Outcome

STATES_MAX = 2_000_000
INVENTORY = PARTICIPANTS.index("inventory")
UNITS = 1

Pair = tuple[int, int]


@dataclass(frozen=True)
class FoundPair:
    """What a search of two sagas came to. `contended` counts pairs in which one saga found the
    shelf empty.
    """

    states: int
    violations: dict[str, tuple[State, State]]
    stuck: int
    contended: int


class Sagas:
    """Single-saga states as numbers, with their followers by whether the unit is on the shelf."""

    def __init__(self, world: World, *, blind: bool) -> None:
        self.world = world
        self.blind = blind
        self.states: list[State] = []
        self._numbers: dict[State, int] = {}
        self._followers: dict[tuple[int, bool, bool], tuple[int, ...]] = {}

    def number(self, state: State) -> int:
        """The number of a state, a new one where it is seen for the first time."""
        if state not in self._numbers:
            self._numbers[state] = len(self.states)
            self.states.append(state)
        return self._numbers[state]

    def followers(self, number: int, shelf: bool, fair: bool) -> tuple[int, ...]:
        """All next states of one saga while the unit is (or is not) on the shelf."""
        key = (number, shelf or self.blind, fair)
        if key not in self._followers:
            after = successors(self.world, self.states[number], fair=fair, stock_free=key[1])
            self._followers[key] = tuple(dict.fromkeys(self.number(state) for _, state in after))
        return self._followers[key]

    def holds(self, number: int) -> int:
        """Units that the saga's row at inventory holds: until it is undone, an owed release holds
        too.
        """
        row = self.states[number].rows[INVENTORY]
        return int(row is not None and row.outcome in {Outcome.DONE, Outcome.OWED})

    def reserved(self, number: int) -> int:
        """Units that were taken from the shelf for the saga and not put back, counted by what was
        done.
        """
        effects = self.states[number].effects
        return effects[RESERVE] - effects[RELEASE]

    def wiped(self, number: int) -> int:
        return self.number(wiped(self.states[number]))

    def ended(self, number: int) -> bool:
        return self.states[number].order != "open"


def sorted_pair(one: int, other: int) -> Pair:
    return (one, other) if one <= other else (other, one)


def next_pairs(sagas: Sagas, pair: Pair, *, fair: bool) -> list[Pair]:
    """Every pair that one step of one of the sagas leads to."""
    one, other = pair
    shelf = sagas.holds(one) + sagas.holds(other) < UNITS
    moved = [sorted_pair(after, other) for after in sagas.followers(one, shelf, fair)]
    if one != other:
        moved += [sorted_pair(one, after) for after in sagas.followers(other, shelf, fair)]
    return moved


def explore_pair(world: World, *, blind: bool = False) -> FoundPair:
    """Search two sagas on one unit. `blind` plants an inventory that never looks at the shelf.

    Raises AssertionError beyond STATES_MAX.
    """
    sagas = Sagas(world, blind=blind)
    start = (sagas.number(initial(world.mode)),) * 2
    known, queue, contended = {start}, deque([start]), 0
    violations: dict[str, tuple[State, State]] = {}
    while queue:
        pair = queue.popleft()
        contended += sagas.holds(pair[0]) + sagas.holds(pair[1]) == UNITS
        for name in _broken(sagas, pair):
            violations.setdefault(name, (sagas.states[pair[0]], sagas.states[pair[1]]))
        for after in next_pairs(sagas, pair, fair=False):
            if after not in known:
                known.add(after)
                queue.append(after)
                assert len(known) <= STATES_MAX, f"more than {STATES_MAX} states"
    return FoundPair(len(known), violations, _stuck(sagas, known), contended)


def _broken(sagas: Sagas, pair: Pair) -> list[str]:
    broken = [name for number in pair for name in judge(sagas.states[number], frozenset())]
    if sum(sagas.reserved(number) for number in pair) > UNITS:
        broken.append("one unit reserved twice")
    if any(sagas.reserved(number) != sagas.holds(number) for number in pair):
        broken.append("the row and the shelf disagree")
    return broken


def _stuck(sagas: Sagas, pairs: set[Pair]) -> int:
    """Pairs of database states from which, with an empty network, the two sagas cannot both end."""
    cores = {sorted_pair(sagas.wiped(one), sagas.wiped(other)) for one, other in pairs}
    return len(
        without_end(
            cores,
            lambda pair: next_pairs(sagas, pair, fair=True),
            lambda pair: sagas.ended(pair[0]) and sagas.ended(pair[1]),
        )
    )
