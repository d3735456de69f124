"""What a timeline's events mean as steps of a saga, in both modes: read once, here, for whoever
draws.

The page and the terminal draw the same moments and bars, so they cannot disagree. Pure: what the
API answers goes in, plain data come out. A step begins with what caused it, and not where the step
before it ended: nine topics have no common order. It must not know how anything is drawn.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

from saga import contract
from saga.contract import STEP_BY_STATE, STEPS, UNDO_NAMES, Mode


class StepState(Enum):
    """How a step came out, in the word that people read."""

    OK = "ok"
    REFUSED = "refused"
    UNDO = "undo"
    WAITING = "waiting"

    @property
    def sign(self) -> str:
        """The mark that stands before the word: colour alone tells nobody everything."""
        return _SIGNS[self]


_SIGNS: Final = {
    StepState.OK: "✔",
    StepState.REFUSED: "✖",
    StepState.UNDO: "↩",
    StepState.WAITING: "…",
}

ANSWERS: Final = {
    contract.PAYMENT_COMPLETED.event: ("payment", StepState.OK),
    contract.PAYMENT_FAILED.event: ("payment", StepState.REFUSED),
    contract.INVENTORY_RESERVED.event: ("inventory", StepState.OK),
    contract.INVENTORY_FAILED.event: ("inventory", StepState.REFUSED),
    contract.SHIPMENT_SCHEDULED.event: ("shipment", StepState.OK),
    contract.SHIPMENT_FAILED.event: ("shipment", StepState.REFUSED),
    contract.INVENTORY_RELEASED.event: ("release", StepState.UNDO),
    contract.PAYMENT_REFUNDED.event: ("refund", StepState.UNDO),
}
"""Which step an event of a choreography ends, and how."""

_REACHED: Final = {topic.event: word.name for word in STEPS for topic in word.reached_by}
_RANK: Final = {word.name: rank for rank, word in enumerate(STEPS)}
_REFUSED: Final = f" {StepState.REFUSED.value}"


class Moment(NamedTuple):
    """One event of a timeline, of either mode.

    `step` and `state` are what it ends, `reaches` is the step that it begins; `retries` is the undo
    that was refused and is tried once more.
    """

    at: datetime
    event: str
    step: str | None = None
    state: StepState | None = None
    reference: str = ""
    reason: str = ""
    repeats: int = 0
    reaches: str | None = None
    retries: str | None = None


class Bar(NamedTuple):
    """One step of a saga: when it began after the saga's beginning, and how long it took.

    `retries` are the seconds at which it was refused and tried again; `caused_by` is the place of
    the bar whose end began it, if one did.
    """

    step: str
    state: StepState
    start_seconds: float
    took_seconds: float
    retries: tuple[float, ...] = ()
    caused_by: int | None = None


def moments(timeline: Mapping[str, Any]) -> list[Moment]:
    """The API's timeline of either mode, in the order of the times at which its sayers say it
    happened.
    """
    read = _told if timeline["mode"] == Mode.ORCH.long else _heard
    return sorted((read(row) for row in timeline["events"]), key=lambda moment: moment.at)


def _time(value: str | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _heard(row: Mapping[str, Any]) -> Moment:
    """An event of a choreography."""
    event = row["event"]
    step, state = ANSWERS.get(event, (None, None))
    return Moment(
        _time(row["occurred_at"] or row["heard_at"]),
        event,
        step,
        state,
        row["reference"],
        row["reason"],
        row["repeats"],
        _REACHED.get(event),
    )


def _told(row: Mapping[str, Any]) -> Moment:
    """A transition of an orchestrated saga: it ends the step that its source awaits, or tries an
    undo once more.
    """
    at, event = _time(row["created_at"]), f"{row['event']} → {row['target']}"
    word, target = STEP_BY_STATE.get(row["source"]), STEP_BY_STATE.get(row["target"])
    reaches = target.name if target is not None else None
    if word is None:
        return Moment(at, event, reason=row["reason"], reaches=reaches)
    if row["source"] == row["target"]:
        refused = row["event"].endswith(_REFUSED)
        return Moment(at, event, reason=row["reason"], retries=word.name if refused else None)
    if word.name in UNDO_NAMES:
        state = StepState.UNDO
    else:
        state = StepState.OK if row["event"].endswith(" ok") else StepState.REFUSED
    return Moment(at, event, word.name, state, reason=row["reason"], reaches=reaches)


def bars(known: Sequence[Moment], now: datetime | None = None) -> list[Bar]:
    """The steps in the order in which they came out; with `now` also the one that is awaited.

    Give `now` only of a saga that is open.
    """
    if not known:
        return []
    drawn: list[Bar] = []
    for moment in known:
        if moment.step is not None and moment.state is not None:
            drawn.append(_bar(known, drawn, moment.step, moment.state, moment.at))
    awaited = _awaited(known)
    if now is not None and awaited is not None:
        drawn.append(_bar(known, drawn, awaited, StepState.WAITING, now))
    return drawn


def _awaited(known: Sequence[Moment]) -> str | None:
    """The furthest step that has begun, where it has not ended."""
    begun = [moment.reaches for moment in known if moment.reaches is not None]
    ended = {moment.step for moment in known}
    furthest = max(begun, key=_RANK.__getitem__, default=None)
    return None if furthest in ended else furthest


def _bar(
    known: Sequence[Moment], drawn: Sequence[Bar], step: str, state: StepState, end: datetime
) -> Bar:
    begin = known[0].at
    causes = [moment for moment in known if moment.reaches == step and moment.at <= end]
    since = causes[0].at if causes else _last_end(known, drawn)
    retries = (moment.at for moment in known if moment.retries == step)
    caused_by = next(
        (place for place, bar in enumerate(drawn) if causes and bar.step == causes[0].step), None
    )
    return Bar(
        step,
        state,
        (since - begin).total_seconds(),
        max(0.0, (end - since).total_seconds()),
        tuple((at - begin).total_seconds() for at in retries),
        caused_by,
    )


def _last_end(known: Sequence[Moment], drawn: Sequence[Bar]) -> datetime:
    """Where a step's cause was not heard: it began when the step before it ended, as far as is
    known.
    """
    ends = [moment.at for moment in known if moment.step is not None]
    return ends[len(drawn) - 1] if drawn else known[0].at


def outcome_word(status: str, outcome: str | None) -> str:
    """How an order stands, in one word of the API's vocabulary."""
    return contract.Outcome(outcome).value if outcome else status.lower()
