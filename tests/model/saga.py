"""One saga with everything that can happen to it next, in both modes, over the production rules.

The network is the set of all messages ever said: each may be delivered any number of times, in any
order, or never. So a step is: some message of the set reaches one of its hearers, or a timer says
something again, or a person cancels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from inventory import participant as inventory
from model.rules import (
    NEVER,
    NOW,
    PARTICIPANTS,
    PRODUCTION,
    Memory,
    Place,
    Position,
    Rules,
    Taken,
    Told,
    hear,
)
from orchestrator import domain
from orchestrator.brew import BREW, FLOW
from payment import participant as payment
from saga import contract
from sagakit.core.participant import Ask, Facts, Heard, Outcome, Reply, Word
from sagakit.core.steps import FAILED, SUCCESS, Answer, Command
from shipment import participant as shipment

EFFECTS_MAX = 2
"""Effects are counted up to here: twice is a violation already."""

CHARGE, REFUND, RESERVE, RELEASE, SHIP = range(5)
EFFECT_INDEX = {
    ("payment", "do"): CHARGE,
    ("payment", "undo"): REFUND,
    ("inventory", "do"): RESERVE,
    ("inventory", "undo"): RELEASE,
    ("shipment", "do"): SHIP,
    ("shipment", "undo"): SHIP,
}


class Asked(NamedTuple):
    """An orchestrator's command in the network."""

    step: str
    action: str


class Answered(NamedTuple):
    """A participant's reply in the network."""

    step: str
    action: str
    ok: bool


Said = str | Asked | Answered

PARTS = (payment.CHOREOGRAPHY, inventory.CHOREOGRAPHY, shipment.CHOREOGRAPHY)
REQUESTED = contract.ORDER_REQUESTED.event
PLACED = contract.PLACE_ORDER.event
CANCEL = "!"
"""Marks a request that carries the cancel mark."""


def _event(topic: str) -> str:
    return contract.TOPIC_BY_NAME[topic].event


ASKS = {part.service: {_event(topic): ask for topic, ask in part.hears.items()} for part in PARTS}
"""Choreography: what a participant hears, and what that asks of it, from the services' own
tables.
"""

EVENTS = {
    part.service: {word: _event(topic) for word, topic in part.says.items()} for part in PARTS
}


Stranger = Callable[[Memory | None, Ask, bool, str], list[Taken]]
"""A participant that is not ours: from what it remembers, what is asked, whether with a cancel
mark, and the mode, all that it may do and say."""


@dataclass(frozen=True)
class World:
    """What may happen around the rules. Defaults are the searched baseline of the contract."""

    mode: str
    rules: Rules = PRODUCTION
    rules_of: tuple[tuple[str, Rules], ...] = ()
    strangers: tuple[tuple[str, Stranger], ...] = ()
    said_again: frozenset[str] = frozenset({"order", "command"})
    cancel: bool = True
    undo_can_fail: bool = True
    duplicates: bool = True
    stray_undo: bool = False
    attempts_max: int | None = None
    """None abstracts attempts away: an undo may fail any number of times, and nothing is parked."""
    attempts_remembered: bool = False
    """Count failed undos in orchestration's rows too (there the orchestrator's own count parks)."""
    parks: bool = True
    retried: bool = True
    """A person retries what is parked, sooner or later."""
    cancel_travels: bool = False
    """The orchestrator learns of a cancel only by hearing place-order again, and not at once."""


class State(NamedTuple):
    """One saga: what every database holds, what was done in the world, and what is in the
    network.
    """

    order: str
    orchestrator: str | None
    cancel: bool
    mark: bool
    rows: tuple[Memory | None, ...]
    effects: tuple[int, ...]
    network: frozenset[Said]
    used: frozenset[object]
    insisted: tuple[int, bool] = (0, False)
    """The orchestrator's count of refused undos, and whether it parked; kept where attempts are
    capped.
    """


def initial(mode: str) -> State:
    """An order was accepted and has been said once."""
    first = REQUESTED if mode == "choreo" else PLACED
    return State("open", None, False, False, (None,) * 3, (0,) * 5, frozenset({first}), frozenset())


def wiped(state: State) -> State:
    """The same databases with an empty network: a broker that lost everything."""
    return state._replace(network=frozenset(), used=frozenset())


@cache
def choices(
    world: World, name: str, memory: Memory | None, ask: Ask, cancel: bool, stock_free: bool
) -> tuple[Taken, ...]:
    """Every way in which participant `name` may take what is asked, over all facts of the world."""
    stranger = dict(world.strangers).get(name)
    if stranger is not None:
        taken = (_abstract(world, way) for way in stranger(memory, ask, cancel, world.mode))
        return tuple(dict.fromkeys(taken))
    rules = dict(world.rules_of).get(name, world.rules)
    heard: Heard[None] = Heard("s", world.mode, ask, None, cancel=cancel)
    may_fail = world.undo_can_fail and (
        world.attempts_max is None or memory is None or memory.attempts < world.attempts_max
    )
    refusals = (None, "no") if stock_free or name != "inventory" else ("out of stock",)
    found: dict[Taken, None] = {}
    for refusal in refusals:
        for undo_fails in (False, True) if may_fail else (False,):
            facts = Facts(NOW, "id", refusal, undo_fails, _park_after(world))
            if rules.judged_first and refusal and ask is Ask.DO and _is_done(memory):
                said = Word.REFUSED if world.mode == "choreo" else Reply(ask, ok=False)
                found[Taken(memory, "", said)] = None
            else:
                found[_abstract(world, hear(rules, world.mode, memory, heard, facts))] = None
    return tuple(found)


def _park_after(world: World) -> int:
    return world.attempts_max if world.parks and world.attempts_max else NEVER


def _is_done(memory: Memory | None) -> bool:
    return memory is not None and memory.outcome is Outcome.DONE


def _abstract(world: World, taken: Taken) -> Taken:
    """Leave out what the search does not count: reasons, and attempts where they are not capped."""
    said, memory = taken.said, taken.memory
    if isinstance(said, Reply):
        said = replace(said, reason="")
    counted = world.attempts_max is not None and (
        world.mode == "choreo" or world.attempts_remembered
    )
    if memory is not None:
        # Saturated at the cap: more failures than that are not told apart.
        attempts = min(memory.attempts, world.attempts_max or 0) if counted else 0
        memory = Memory(memory.outcome, attempts, memory.parked)
    return Taken(memory, taken.effect, said)


def take(world: World, state: State, name: str, taken: Taken, action: str = "") -> State:
    """The state after participant `name` took a message in one of its ways."""
    index = PARTICIPANTS.index(name)
    rows, effects = list(state.rows), list(state.effects)
    rows[index] = taken.memory
    if taken.effect:
        place = EFFECT_INDEX[name, taken.effect]
        effects[place] = min(EFFECTS_MAX, effects[place] + 1)
    said: frozenset[Said] = frozenset()
    if isinstance(taken.said, Reply):
        said = frozenset({Answered(name, action, taken.said.ok)})
    elif taken.said is not None:
        said = frozenset({EVENTS[name][taken.said]})
    return state._replace(rows=tuple(rows), effects=tuple(effects), network=state.network | said)


def successors(
    world: World, state: State, *, fair: bool = False, stock_free: bool = True
) -> Iterator[tuple[str, State]]:
    """Label and state of everything that can happen next. `fair` leaves out what no one promises to
    happen.
    """
    if world.cancel and not state.cancel and state.order == "open" and not fair:
        yield "cancel asked", state._replace(cancel=True, mark=not world.cancel_travels)
    follow = _choreography if world.mode == "choreo" else _orchestration
    yield from follow(world, state, fair, stock_free)


# ---------------------------------------------------------------- choreography


def _choreography(
    world: World, state: State, fair: bool, stock_free: bool
) -> Iterator[tuple[str, State]]:
    yield from _owed(world, state, stock_free)
    if world.stray_undo and not fair:
        yield from _strays(world, state)
    request = REQUESTED + CANCEL if state.cancel else REQUESTED
    if state.order == "open" and "order" in world.said_again and request not in state.network:
        yield f"order says {request}", state._replace(network=state.network | {request})
    for message in sorted(state.network, key=str):
        for name in PARTICIPANTS:
            ask = ASKS[name].get(str(message).removesuffix(CANCEL))
            if ask is None or (not world.duplicates and (message, name) in state.used):
                continue
            used = state.used if world.duplicates else state.used | {(message, name)}
            memory = state.rows[PARTICIPANTS.index(name)]
            cancel = str(message).endswith(CANCEL)
            for taken in choices(world, name, memory, ask, cancel, stock_free):
                after = take(world, state, name, taken)._replace(used=used)
                yield f"{name} hears {message}: {memory} -> {taken}", after
        end = (
            world.rules.order_hears(str(message).removesuffix(CANCEL))
            if state.order == "open"
            else None
        )
        if end is not None:
            yield f"order hears {message}: {end}", state._replace(order=end)


def _owed(world: World, state: State, stock_free: bool) -> Iterator[tuple[str, State]]:
    """The own timer of a participant that owes an undo, and a person's retry of a parked one."""
    for index, name in enumerate(PARTICIPANTS):
        memory = state.rows[index]
        if memory is None or memory.outcome is not Outcome.OWED:
            continue
        if memory.parked and not world.retried:
            continue
        if memory.parked:
            rows = list(state.rows)
            rows[index] = Memory(Outcome.OWED)
            yield f"a person retries {name}", state._replace(rows=tuple(rows))
            continue
        for taken in choices(world, name, memory, Ask.INSIST, False, stock_free):
            yield f"{name} insists", take(world, state, name, taken)


def _strays(world: World, state: State) -> Iterator[tuple[str, State]]:
    """An undo of unknown origin reaches a participant that knows nothing of the saga."""
    for name, message in (("payment", "inventory-failed"), ("inventory", "shipment-failed")):
        if state.rows[PARTICIPANTS.index(name)] is None and message not in state.network:
            for taken in choices(world, name, None, Ask.UNDO, False, True):
                yield f"stray {message} reaches {name}", take(world, state, name, taken)


# ---------------------------------------------------------------- orchestration


def _orchestration(
    world: World, state: State, fair: bool, stock_free: bool
) -> Iterator[tuple[str, State]]:
    yield from _order_and_timers(world, state)
    if world.stray_undo and not fair:
        yield from _stray_commands(world, state)
    for message in sorted(state.network, key=str):
        if not world.duplicates and message in state.used:
            continue
        used = state.used if world.duplicates else state.used | {message}
        here = state._replace(used=used)
        if isinstance(message, Asked):
            memory = state.rows[PARTICIPANTS.index(message.step)]
            ask = Ask.DO if message.action in DO_ACTIONS else Ask.UNDO
            for taken in choices(world, message.step, memory, ask, False, stock_free):
                after = take(world, here, message.step, taken, message.action)
                yield f"{message.step} hears {message.action}: {memory} -> {taken}", after
        elif isinstance(message, Answered):
            yield from _tell(world, here, _as_reply(message))
        else:
            yield from _tell(world, here, Place(message.endswith(CANCEL)))


def _order_and_timers(world: World, state: State) -> Iterator[tuple[str, State]]:
    if state.order == "open":
        place = PLACED + CANCEL if state.cancel else PLACED
        if "order" in world.said_again and place not in state.network:
            yield f"order says {place}", state._replace(network=state.network | {place})
        if state.orchestrator in ENDS:
            yield "order pulls the end", state._replace(order=ENDS[state.orchestrator])
    _, parked = state.insisted
    if parked and world.retried:
        yield "a person retries", state._replace(insisted=(0, False))
    commands = frozenset() if parked else command_of(state.orchestrator)
    if "command" in world.said_again and not commands <= state.network:
        yield "orchestrator says it again", state._replace(network=state.network | commands)


def _tell(world: World, state: State, told: Told) -> Iterator[tuple[str, State]]:
    """The orchestrator hears something; a cancel that travels is known to it only from its own
    row.
    """
    before = None
    if state.orchestrator is not None:
        before = Position(state.orchestrator, state.mark, *state.insisted)
    after = world.rules.orchestrate(before, told, _park_after(world))
    if after is not None and after != before:
        moved = state.orchestrator != after.key
        counts = _park_after(world) != NEVER
        label = f"orchestrator hears {told}: {state.orchestrator} -> {after.key}"
        yield (
            label,
            state._replace(
                orchestrator=after.key,
                mark=after.mark if world.cancel_travels else state.mark,
                insisted=(after.attempts, after.parked) if counts else (0, False),
                network=state.network | (command_of(after.key) if moved else frozenset()),
            ),
        )


def _as_reply(message: Answered) -> domain.Reply:
    answer = Answer.OK if message.ok else Answer.REFUSED
    return domain.Reply("s", Command(message.step, message.action), answer)


def _stray_commands(world: World, state: State) -> Iterator[tuple[str, State]]:
    for name, action in (("payment", "REFUND"), ("inventory", "RELEASE")):
        stray = Asked(name, action)
        if state.rows[PARTICIPANTS.index(name)] is None and stray not in state.network:
            for taken in choices(world, name, None, Ask.UNDO, False, True):
                yield f"stray {action} reaches {name}", take(world, state, name, taken, action)


ENDS = {SUCCESS: "SUCCESS", FAILED: "FAILED"}
DO_ACTIONS = frozenset(step.action for step in BREW)


def command_of(key: str | None) -> frozenset[Said]:
    """What the orchestrator says in a state, as a set: empty before the first and after the
    last.
    """
    awaits = None if key is None else FLOW.states[key].awaits
    return frozenset() if awaits is None else frozenset({Asked(awaits.step, awaits.action)})
