"""Every handler: whatever readable messages come, in whatever order, no invariant is broken.

In memory, as the unit tests do: the rules, the readers and the writers are the real ones.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

import orchestrator.wire
import order.wire
from fuzz import values
from fuzz.target import Target
from orchestrator.brew import FLOW, FLOWS
from orchestrator.domain import Effect, Policy, Saga, decide
from order.handler import Timeline
from order.store import Stored
from payment.domain import Kind
from saga import contract
from saga.codec import action_number
from saga.contract import Mode
from saga.v1 import saga_pb2
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.participant import Outcome
from sagakit.shell.ports import Message, Record
from unit.order.order_tables import Tables, in_memory
from unit.participant_world import PLENTY, WIRES, World, do, topic_of

BATCH_MAX: Final = 5
BATCHES_MIN: Final = 3
PARK_AFTER: Final = st.sampled_from((1, 1, 1, 2, 4))
BATCHES_MAX: Final = 10
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
TIMER: Final = "timer"
MOVES: Final = frozenset(
    {
        *((None, first) for first in (Outcome.DONE, Outcome.REFUSED, Outcome.VOID)),
        (Outcome.DONE, Outcome.DONE),  # an undo that failed is counted, in orchestration
        (Outcome.DONE, Outcome.OWED),
        (Outcome.DONE, Outcome.UNDONE),
        (Outcome.OWED, Outcome.OWED),
        (Outcome.OWED, Outcome.UNDONE),
    }
)
"""Every move of a participant's row, written down again."""

REJECTIONS: Final = {Reason.CONTRADICTION, Reason.OTHER_MODE}


def batches(
    service: str, *more: st.SearchStrategy[Any], likely: st.SearchStrategy[Any] | None = None
) -> st.SearchStrategy[Any]:
    """Batches of messages that the service hears, of one mode or of both, and of `more`.

    Two of three messages are `likely` ones, so that sagas come further than chance would take them.
    """

    def of(modes: tuple[Mode, ...]) -> st.SearchStrategy[Any]:
        heard = [
            values.messages(getattr(saga_pb2, topic.message))
            for mode in modes
            for topic in contract.heard_by(service, mode)
        ]
        often = [likely] * len(heard) * 2 if likely is not None else []
        batch = st.lists(st.one_of(*heard, *often), min_size=1, max_size=BATCH_MAX)
        return st.lists(st.one_of(batch, *more), min_size=BATCHES_MIN, max_size=BATCHES_MAX)

    heard_in = [(mode,) for mode in Mode if contract.heard_by(service, mode)]
    return st.sampled_from([*heard_in, *heard_in, tuple(Mode)]).flatmap(of)


# ---------------------------------------------------------------- participants


def _participant(service: str) -> Target:
    def check(given: Any, seen: Counter[str]) -> None:
        fail_rate, park_after, heard = given
        world = World(service, undo_fail_rate=fail_rate, park_after_attempts=park_after)
        world.stock = dict.fromkeys(PLENTY, 1_000)
        for batch in heard:
            before = dict(world.rows)
            said = world.insist() if batch == [TIMER] else _hear(world, batch, seen)
            _check_rows(before, world, seen)
            _check_effects(world)
            for message in said:
                _check_heard_by_others(message)
                seen["said"] += 1

    timer = () if service == "shipment" else (st.just([TIMER]),)
    inputs = st.tuples(
        st.sampled_from((0.0, 0.5, 1.0, 1.0)),
        PARK_AFTER,
        batches(service, *timer, likely=_dos(service)),
    )
    undone = () if service == "shipment" else ("UNDONE", "OWED", "VOID", "parked")
    return Target(f"{service} handles", inputs, check, ("said", "DONE", "REFUSED", *undone))


def _dos(service: str) -> st.SearchStrategy[Any]:
    """What the service is there for, of each saga, in words that do not contradict each other."""
    terms = {"amount_cents": 300} if service == "payment" else {}
    sagas, modes = st.sampled_from(values.SAGAS), st.sampled_from([mode.value for mode in Mode])
    return st.builds(lambda mode, saga: do(service, mode, saga_id=saga, **terms), modes, sagas)


def _hear(world: World, batch: list[Any], seen: Counter[str]) -> list[Any]:
    wire, heard = WIRES[world.service](world.odds), []
    for message in batch:
        try:
            heard.append(wire.read(topic_of(message), message.SerializeToString()))
        except Poison as poison:
            seen[poison.reason.value] += 1
    folded = world.fold(heard)
    for rejected in folded.rejected:
        assert rejected.reason in REJECTIONS
        seen[rejected.reason.value] += 1
    return world.said(folded)


def _check_rows(before: Mapping[str, Any], world: World, seen: Counter[str]) -> None:
    for saga_id, row in world.rows.items():
        old = before.get(saga_id)
        if row == old:
            continue
        seen[row.outcome.value] += 1
        seen["parked"] += row.parked
        if old is None:
            continue
        # A batch may take a row through several moves; the last must be reachable from the first.
        assert _reachable(old.outcome, row.outcome), f"{old.outcome} → {row.outcome}"
        assert row.version == old.version + 1
        assert (row.mode, row.terms, row.reference) == (old.mode, old.terms, old.reference)
        assert row.attempts >= old.attempts


def _reachable(source: Outcome, target: Outcome) -> bool:
    found, new = set[Outcome](), {source}
    while new:
        found |= new
        new = {to for begin, to in MOVES if begin in new} - found
    return (source, target) in MOVES or (source is not target and target in found)


def _check_effects(world: World) -> None:
    if world.service == "inventory":
        held = Counter[str]()
        for units in world.held.values():
            held.update(units)
        for ingredient in PLENTY:
            assert world.stock[ingredient] >= 0
            assert world.stock[ingredient] + held[ingredient] == 1_000
    by_saga: dict[str, list[Any]] = {}
    for effect in world.effects:
        by_saga.setdefault(effect.saga_id, []).append(effect)
    for effects in by_saga.values():
        assert len(effects) <= 2, "done twice, or undone twice"
        if world.service == "shipment":
            assert len(effects) == 1
        if world.service == "payment":
            assert [one.kind for one in effects] == [Kind.CHARGE, Kind.REFUND][: len(effects)]
            assert len({one.amount_cents for one in effects}) == 1
            assert sum(cents for one in effects for _, cents in one.entries()) == 0


def _check_heard_by_others(message: Any) -> None:
    """What one says, each that hears it can read."""
    topic, value = contract.TOPIC_BY_NAME[topic_of(message)], message.SerializeToString()
    for service in topic.heard_by:
        match service:
            case "order":
                order.wire.decode(Record(topic.name, 0, 0, None, value))
            case "orchestrator":
                orchestrator.wire.read(topic.name, value)
            case _:
                WIRES[service](World(service).odds).read(topic.name, value)


# ---------------------------------------------------------------- the orchestrator


class Answered(NamedTuple):
    """The answer that a saga awaits, whatever it is by then."""

    saga_id: str
    ok: bool


def _awaited(saga: Saga | None, answered: Answered) -> Any:
    """As its participant would say it; where nothing is awaited, the order is placed."""
    command = None if saga is None else saga.where.awaits
    if command is None:
        return saga_pb2.PlaceOrder(saga_id=answered.saga_id, amount_cents=300, currency="EUR")
    wire = next(one for one in orchestrator.wire.WIRES if one.step == command.step)
    action = action_number(wire.action_type, command.action)
    return wire.reply_type(saga_id=answered.saga_id, action=action, ok=answered.ok)


_ANSWERED: Final = st.builds(
    Answered, st.sampled_from((*values.SAGAS[:1] * 3, *values.SAGAS)), st.booleans()
)


def _check_orchestrator(given: Any, seen: Counter[str]) -> None:
    park_after, heard = given
    policy, sagas, now = Policy(5.0, park_after), dict[str, Saga](), BEGIN
    for message in (message for batch in heard for message in batch):
        now += timedelta(seconds=1)
        if isinstance(message, Answered):
            message = _awaited(sagas.get(message.saga_id), message)  # noqa: PLW2901 - made out now
        topic = topic_of(message)
        try:
            read = orchestrator.wire.read(topic, message.SerializeToString())
            before = sagas.get(read.saga_id)
            decision = decide(before, read, now, policy)
        except Poison as poison:
            seen[poison.reason.value] += 1
            continue
        seen[decision.effect.value] += 1
        if decision.saga is not None:
            sagas[read.saga_id] = decision.saga
        _check_decision(before, decision, policy, seen)


def _check_decision(before: Saga | None, decision: Any, policy: Policy, seen: Counter[str]) -> None:
    saga, entry = decision.saga, decision.entry
    if entry is None:
        assert saga is before
        assert decision.say is None
        assert decision.effect is not Effect.CHANGED
        return
    flow = FLOWS[saga.flow_version]
    assert entry.target == saga.state
    assert entry.source == (before.state if before else "")
    assert saga.version == entry.version == (before.version + 1 if before else 1)
    moves = {(source, target) for (source, _, _), target in flow.table.items()}
    begun = before is None and entry.target in (flow.first, "DONE/FAILED")
    noted = entry.source == entry.target and saga.cancel_asked
    assert begun or noted or (entry.source, entry.target) in moves
    assert before is None or before.where.awaits is not None, "an end was left"
    assert saga.attempts <= policy.park_after_attempts
    assert (saga.parked_at is None) or saga.attempts >= policy.park_after_attempts
    seen[entry.target] += 1
    seen["parked"] += saga.parked_at is not None
    if decision.say is not None:
        assert decision.say == saga.where.awaits
        said = orchestrator.wire.write_command(saga, decision.say, None)
        kind = getattr(saga_pb2, contract.TOPIC_BY_NAME[said.topic].message)
        _check_heard_by_others(kind.FromString(said.payload))


# ---------------------------------------------------------------- order


def _check_order(heard: Any, seen: Counter[str]) -> None:
    with in_memory() as tables:
        asyncio.run(_hear_all(heard, tables, seen))


async def _hear_all(heard: Any, tables: Tables, seen: Counter[str]) -> None:
    timeline = Timeline(resay_after_seconds=5.0, utc_now=lambda: BEGIN)
    for batch in heard:
        before, messages = dict(tables.orders), []
        for message in batch:
            record = Record(topic_of(message), 0, 0, None, message.SerializeToString())
            try:
                messages.append(Message(record, timeline.decode(record)))
            except Poison as poison:
                seen[poison.reason.value] += 1
        handled = await timeline.handle(None, messages)  # type: ignore[arg-type]
        handled.measured = [one.rows or 0 for one in handled.writes]
        await timeline.committed(None, handled)  # type: ignore[arg-type]
        for dead in handled.dead:
            assert dead.reason in REJECTIONS
            seen[dead.reason.value] += 1
        for saga_id, stored in tables.orders.items():
            _check_standing(before.get(saga_id), stored, seen)


def _check_standing(before: Stored | None, after: Stored, seen: Counter[str]) -> None:
    standing = after.standing
    ended = standing.status.value != "RUNNING"
    assert ended == (standing.outcome is not None) == (standing.current_step == "DONE")
    if before is not None:
        assert after.terms == before.terms
        if before.standing.outcome is not None:
            assert standing == before.standing, "an end was left"
        assert after.version - before.version == (standing != before.standing)
    if before is None or before.standing != standing:
        seen[standing.outcome.value if standing.outcome else standing.current_step] += 1


HANDLERS: Final = (
    *(_participant(service) for service in contract.PARTICIPANTS),
    Target(
        "orchestrator handles",
        st.tuples(PARK_AFTER, batches("orchestrator", likely=_ANSWERED)),
        _check_orchestrator,
        ("late", "duplicate", "contradiction", "parked", *FLOW.states),
    ),
    Target(
        "order handles",
        batches("order"),
        _check_order,
        ("AWAITING_PAYMENT", "completed", "rejected", "compensated", "contradiction"),
    ),
)
