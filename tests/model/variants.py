"""Planted bugs: each deviates the production rules in one place, under the name that its row of the
table has.

A bug that the search does not find is a search that proves nothing. The counts come from an
independent model of the contract (see `expected.py`), so that a variant also tells whether the
search itself is right.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from model.rules import (
    PRODUCTION,
    Place,
    Position,
    Rules,
    Told,
    keep,
    orchestrate,
    order_hears,
    say,
)
from model.saga import World
from model.strangers import forgetful, remembers_answers, remembers_successes
from orchestrator import domain
from orchestrator.brew import FLOW
from sagakit.core import participant
from sagakit.core.participant import Ask, Event, Facts, Heard, Outcome, Reply, Row, Word

# ---------------------------------------------------------------- a participant's decision


def _fault_fixed(row: Row[None] | None, heard: Heard[None], facts: Facts) -> Event[None] | None:
    """The fault that failed an undo once fails it for ever (the attempt is not part of its
    hash).
    """
    failed_before = row is not None and row.attempts > 0
    return participant.decide(
        row, heard, facts._replace(undo_fails=facts.undo_fails or failed_before)
    )


def _never_insists(row: Row[None] | None, heard: Heard[None], facts: Facts) -> Event[None] | None:
    """An owed undo waits for someone else to ask again."""
    return None if heard.ask is Ask.INSIST else participant.decide(row, heard, facts)


def _decides_again(row: Row[None] | None, heard: Heard[None], facts: Facts) -> Event[None] | None:
    """A refusal is no memory: the next message is decided anew."""
    refused = row is not None and row.outcome is Outcome.REFUSED
    return participant.decide(None if refused else row, heard, facts)


def _evolves_again(
    row: Row[None] | None, event: Event[None], heard: Heard[None], now: datetime
) -> Row[None]:
    refused = row is not None and row.outcome is Outcome.REFUSED
    return participant.evolve(None if refused else row, event, heard, now)


# ---------------------------------------------------------------- what a participant stores


def _refusals_not_stored(row: Row[None]) -> Row[None] | None:
    return None if row.outcome is Outcome.REFUSED else keep(row)


def _no_fence(row: Row[None]) -> Row[None] | None:
    fence = row.outcome is Outcome.VOID and row.reason == "void"
    return None if fence else keep(row)


# ---------------------------------------------------------------- what a participant says


def _says_after_undo(word: Word) -> Callable[..., Word | Reply | None]:
    """A do that is heard after its undo is answered with `word`."""

    def deviant(
        row: Row[None], heard: Heard[None], event: Event[None] | None
    ) -> Word | Reply | None:
        if row.outcome is Outcome.UNDONE and heard.ask is Ask.DO:
            done = word is Word.DONE
            return word if row.mode == "choreo" else Reply(heard.ask, ok=done)
        return say(row, heard, event)

    return deviant


def _owed_says_done(
    row: Row[None], heard: Heard[None], event: Event[None] | None
) -> Word | Reply | None:
    owed = row.outcome is Outcome.OWED and heard.ask is Ask.DO
    return Word.DONE if owed else say(row, heard, event)


def _undo_of_refused_fails(
    row: Row[None], heard: Heard[None], event: Event[None] | None
) -> Word | Reply | None:
    refused = row.outcome is Outcome.REFUSED and heard.ask is Ask.UNDO
    return Reply(heard.ask, ok=False) if refused else say(row, heard, event)


def _failed_undo_says_not_done(
    row: Row[None], heard: Heard[None], event: Event[None] | None
) -> Word | Reply | None:
    """With the fixed fault: what failed to be undone no longer says that it was done."""
    stuck = row.attempts > 0 and row.mode == "orch"
    return Reply(heard.ask, ok=False) if stuck else say(row, heard, event)


# ---------------------------------------------------------------- the orchestrator and order


def _unguarded(position: Position | None, told: Told, _park_after: int) -> Position | None:
    """A reply counts in whatever state the saga is."""
    if position is None or isinstance(told, Place):
        return orchestrate(position, told)
    asked_in = next(key for key, state in FLOW.states.items() if state.awaits == told.command)
    return orchestrate(position._replace(key=asked_in), told)


def _matches_no_action(position: Position | None, told: Told, _park_after: int) -> Position | None:
    """A reply counts for whatever its participant was asked last."""
    if position is None or isinstance(told, Place):
        return orchestrate(position, told)
    awaits = FLOW.states[position.key].awaits
    if awaits is None or awaits.step != told.command.step:
        return position
    return orchestrate(position, domain.Reply("s", awaits, told.answer))


def _no_cancel_edges(position: Position | None, told: Told, _park_after: int) -> Position | None:
    if position is None or isinstance(told, Place):
        return orchestrate(position, told)
    after = orchestrate(position._replace(mark=False), told)
    return None if after is None else after._replace(mark=position.mark)


def _ends_on_any_failure(event: str) -> str | None:
    return "FAILED" if event in {"inventory-failed", "shipment-failed"} else order_hears(event)


# ---------------------------------------------------------------- the worlds


def worlds(mode: str) -> dict[str, tuple[World, frozenset[str]]]:
    """Every variant in `mode`, by name: its world, and who is known to have no memory there."""
    base = World(mode)
    calm = World(mode, cancel=False)
    plain = World(mode, cancel=False, undo_can_fail=False)
    once = replace(plain, duplicates=False, said_again=frozenset())
    nobody: frozenset[str] = frozenset()
    found = {name: (world, nobody) for name, world in _of_ours(base, calm).items()}
    everyone = ("payment", "inventory", "shipment")
    for who in (*((name,) for name in everyone), everyone):
        name, forgets = " and ".join(who), frozenset(who)
        without = tuple((member, forgetful) for member in who)
        answers = tuple((member, remembers_answers) for member in who)
        successes = tuple((member, remembers_successes) for member in who)
        found |= {
            f"{name} forgets everything": (replace(plain, strangers=without), forgets),
            f"{name} forgets, said once": (replace(once, strangers=without), forgets),
            f"{name} has no fence": (replace(plain, strangers=answers), nobody),
            f"{name} keeps successes only": (replace(plain, strangers=successes), nobody),
        }
    deviant = replace(PRODUCTION, say=_says_after_undo(Word.DONE))
    found["shipment forgets, others say done after undo"] = (
        replace(plain, rules=deviant, strangers=(("shipment", forgetful),)),
        frozenset({"shipment"}),
    )
    return found


def _of_ours(base: World, calm: World) -> dict[str, World]:
    def planted(world: World, **deviation: object) -> World:
        rules: Rules = replace(PRODUCTION, **deviation)  # type: ignore[arg-type]
        return replace(world, rules=rules)

    again = replace(PRODUCTION, decide=_decides_again, evolve=_evolves_again)
    return {
        "production": base,
        "place-order is never said again": replace(base, said_again=frozenset({"command"})),
        "an undo's fault is fixed for ever": planted(
            replace(base, attempts_max=1, attempts_remembered=True, parks=False),
            decide=_fault_fixed,
            say=_failed_undo_says_not_done,
        ),
        "deadline is judged before the row": planted(calm, judged_first=True),
        "another amount is answered as a refusal": planted(calm, judged_first=True),
        "refusals are not stored": planted(calm, keep=_refusals_not_stored),
        "no fence": planted(base, keep=_no_fence),
        "do after undo is answered with failed": planted(base, say=_says_after_undo(Word.REFUSED)),
        "do after undo is answered with done": planted(base, say=_says_after_undo(Word.DONE)),
        "owed undo is not tried again": planted(base, decide=_never_insists),
        "owed row says done": planted(base, say=_owed_says_done),
        "order ends at any failure": planted(base, order_hears=_ends_on_any_failure),
        "shipment decides again after refusing": replace(base, rules_of=(("shipment", again),)),
        "undo of a refused row is answered not ok": planted(base, say=_undo_of_refused_fails),
        "orchestrator is unguarded": planted(calm, orchestrate=_unguarded),
        "replies are matched by participant only": planted(base, orchestrate=_matches_no_action),
        "orchestrator has no cancel edges": planted(base, orchestrate=_no_cancel_edges),
        "stray undo": replace(base, stray_undo=True),
        "stray undo without the fence": planted(replace(base, stray_undo=True), keep=_no_fence),
    }
