"""The production rules as one value, so that a search can run them and a variant can replace
exactly one of them.

Every field's default is the production function itself. A planted bug is `replace(PRODUCTION,
decide=...)`, and nothing else of the search changes. This module must not decide anything on its
own: it only composes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from orchestrator import domain
from orchestrator.brew import BREW
from order import domain as order
from saga.terms import NO_TERMS
from sagakit.core import participant
from sagakit.core.participant import Event, Facts, Heard, Outcome, Reply, Row, Word

NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""Time is abstracted: no rule may depend on it but the deadline, and that is a refusal among
others.
"""

NEVER = 1_000_000
"""Parking after so many attempts is parking never."""

PARTICIPANTS = tuple(step.name for step in BREW)


class Memory(NamedTuple):
    """What the search keeps of a row: its outcome, and where the search counts them, the failed
    undos.
    """

    outcome: Outcome
    attempts: int = 0
    parked: bool = False


class Taken(NamedTuple):
    """One way in which a participant may take a message: what it keeps, did, and says."""

    memory: Memory | None
    effect: str
    said: Word | Reply | None


Say = Callable[[Row[None], Heard[None], "Event[None] | None"], Word | Reply | None]
Keep = Callable[[Row[None]], Row[None] | None]


def say(row: Row[None], heard: Heard[None], event: Event[None] | None) -> Word | Reply | None:
    """What production says after it decided: the announcement in choreography, the reply in
    orchestration.
    """
    if row.mode == "choreo":
        return participant.announce(row)
    return participant.reply(row, heard.ask, undo_failed=isinstance(event, participant.UndoFailed))


def keep(row: Row[None]) -> Row[None]:
    """Production stores every decision."""
    return row


def order_hears(event: str) -> str | None:
    """The end that an open order takes from an event, or None where it only draws its timeline."""
    standing, effect = order.hear(order.Standing(), order.Heard("s", event))
    return standing.status.value if effect is order.Effect.ENDED else None


class Place(NamedTuple):
    """place-order, as the orchestrator hears it."""

    cancel: bool


class Position(NamedTuple):
    """What the search keeps of a saga's row at the orchestrator: its state and its cancel mark."""

    key: str
    mark: bool
    attempts: int = 0
    parked: bool = False


Told = Place | domain.Reply


def orchestrate(
    position: Position | None, told: Told, park_after_attempts: int = NEVER
) -> Position | None:
    """The orchestrator's production decision; times and references are abstracted away."""
    saga = None if position is None else _stored(position)
    policy = domain.Policy(park_after_attempts=park_after_attempts)
    heard = domain.PlaceOrder("s", NO_TERMS, told.cancel) if isinstance(told, Place) else told
    after = domain.decide(saga, heard, NOW, policy).saga
    if after is None:
        return None
    parked = after.parked_at is not None
    return Position(after.state, after.cancel_asked, after.attempts, parked)


def _stored(position: Position) -> domain.Saga:
    return domain.Saga(
        saga_id="s",
        terms=NO_TERMS,
        state=position.key,
        last_event="",
        created_at=NOW,
        updated_at=NOW,
        say_again_at=NOW,
        cancel_asked=position.mark,
        attempts=position.attempts,
        parked_at=NOW if position.parked else None,
    )


@dataclass(frozen=True)
class Rules:
    """Everything that decides in a saga. `judged_first` plants a judgement that is passed before
    the row is read.
    """

    decide: Callable[[Row[None] | None, Heard[None], Facts], Event[None] | None] = (
        participant.decide
    )
    evolve: Callable[[Row[None] | None, Event[None], Heard[None], datetime], Row[None]] = (
        participant.evolve
    )
    say: Say = say
    keep: Keep = keep
    orchestrate: Callable[[Position | None, Told, int], Position | None] = orchestrate
    order_hears: Callable[[str], str | None] = order_hears
    judged_first: bool = False


PRODUCTION = Rules()


def recall(mode: str, memory: Memory | None) -> Row[None] | None:
    """The row that a memory stands for; time and ids are constants."""
    if memory is None:
        return None
    return Row(
        saga_id="s",
        mode=mode,
        outcome=memory.outcome,
        terms=None,
        occurred_at=NOW,
        attempts=memory.attempts,
        parked=memory.parked,
    )


def hear(rules: Rules, mode: str, memory: Memory | None, heard: Heard[None], facts: Facts) -> Taken:
    """One message through decide, evolve, store and answer, as a participant's handler composes
    them.
    """
    row = recall(mode, memory)
    event = rules.decide(row, heard, facts)
    after = row if event is None else rules.evolve(row, event, heard, NOW)
    if after is None:
        return Taken(None, "", None)
    said = rules.say(after, heard, event)
    kept = rules.keep(after)
    remembered = None if kept is None else Memory(kept.outcome, kept.attempts, kept.parked)
    effect = {participant.Did: "do", participant.Undid: "undo"}.get(type(event), "")
    return Taken(remembered, effect, said)
