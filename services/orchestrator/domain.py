"""What the orchestrator does with what it hears: one saga, one message, the time, and what follows.

The table of transitions (`brew.FLOWS`, by the version that a saga began with) says where a saga
goes; this module says what is remembered on the way, which command is said, and what counts as late
or as a duplicate. Only a definite answer moves a saga (rule 1): the timer that says a command again
is no part of it. It must not know protobuf, SQL, topics or the clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple, assert_never

from orchestrator.brew import EVERY_STEP, FLOWS, NEWEST
from saga.contract import STEP_NAMES, STEPS, Outcome
from saga.terms import Terms, contradiction
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.steps import Answer, Command, State, Status

CANCELLED: Final = "cancelled"
RETRY: Final = "retry"
"""The event of a history where a person moved a parked saga on."""
UNSAID: Final = "refused"
"""The failure reason where a participant refuses without a word."""

ACTIONS: Final = frozenset(step.action for step in EVERY_STEP)
"""The forward actions: only an answer to one of these brings a reference, a refund's never."""

UNDOS: Final = tuple(
    Command(step.name, step.compensation) for step in EVERY_STEP if step.compensation is not None
)

REFERENCE_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {word.name: word.reference for word in STEPS if word.name in STEP_NAMES}
)
"""What each step's id is called, in its reply and in `saga_state`."""


class PlaceOrder(NamedTuple):
    """An order is placed, or placed again; `cancel` asks to undo it where that can be."""

    saga_id: str
    terms: Terms
    cancel: bool = False


class Reply(NamedTuple):
    """A participant's definite answer to a command. `reference` is its id, empty from some."""

    saga_id: str
    command: Command
    answer: Answer
    reference: str = ""
    reason: str = ""


Heard = PlaceOrder | Reply


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits: when an unanswered command is due again, and when insisting parks; and on which
    version of the flow new sagas begin.
    """

    say_again_after_seconds: float = 5.0
    park_after_attempts: int = 10
    flow_version: int = NEWEST


class Saga(NamedTuple):
    """One row of `saga_state`. `state` is one of its version of the flow, `references` are ids by
    step.

    `attempts` counts the refusals of the compensation that is awaited. `version` is +1 each write
    that decides something, and so the number of history entries; `said` and `say_again_at` are the
    timer's and no decision reads them.
    """

    saga_id: str
    terms: Terms
    state: str
    last_event: str
    created_at: datetime
    updated_at: datetime
    say_again_at: datetime
    references: Mapping[str, str] = MappingProxyType({})
    failure_reason: str = ""
    cancel_asked: bool = False
    attempts: int = 0
    parked_at: datetime | None = None
    said: int = 1
    version: int = 1
    flow_version: int = NEWEST

    @property
    def where(self) -> State:
        """The state with its status and the command whose answer it awaits.

        Only of a version that is carried: `decide` moves no other saga, nor is it said again.
        """
        return FLOWS[self.flow_version].states[self.state]


class Entry(NamedTuple):
    """One row of `saga_history`; a refused undo or a noted cancel has source equal to target."""

    saga_id: str
    version: int
    source: str
    target: str
    event: str
    reason: str
    created_at: datetime
    flow_version: int = NEWEST


class Effect(Enum):
    """What a message came to, for the counts."""

    CHANGED = "changed"
    DUPLICATE = "duplicate"
    LATE = "late"
    NO_DEFINITION = "no_definition"
    """The saga began on a version that this image does not carry: it waits for one that does."""


class Decision(NamedTuple):
    """The row after the message (None: still unknown), its history entry, the command to say."""

    saga: Saga | None
    effect: Effect
    entry: Entry | None = None
    say: Command | None = None


def decide(saga: Saga | None, heard: Heard, now: datetime, policy: Policy) -> Decision:
    """Say what follows. Raises Poison where a place-order contradicts the row (rule 10).

    Late is what finds no saga or an ended one; a duplicate is any other without effect. A saga
    whose definition is not carried stays as it is: what was heard is said again (rule 5).
    """
    if saga is not None and saga.flow_version not in FLOWS:
        return Decision(saga, Effect.NO_DEFINITION)
    match heard:
        case PlaceOrder():
            return _begin(heard, now, policy) if saga is None else _placed_again(saga, heard, now)
        case Reply():
            return _answered(saga, heard, now, policy)
        case _:
            assert_never(heard)


def _begin(order: PlaceOrder, now: datetime, policy: Policy) -> Decision:
    """Begin whatever can be read: payment refuses what is out of bounds, and so it ends."""
    state = FLOWS[policy.flow_version].begin(cancel_asked=order.cancel)
    saga = Saga(
        saga_id=order.saga_id,
        terms=order.terms,
        state=_name(state),
        last_event=_event(order),
        created_at=now,
        updated_at=now,
        say_again_at=_due(now, policy),
        failure_reason=CANCELLED if state.status is Status.FAILED else "",
        cancel_asked=order.cancel,
        flow_version=policy.flow_version,
    )
    return Decision(saga, Effect.CHANGED, _entry("", saga, saga.failure_reason), state.awaits)


def _placed_again(saga: Saga, order: PlaceOrder, now: datetime) -> Decision:
    """Change nothing for an order heard again, but note a cancel while the saga runs."""
    against = contradiction(saga.terms, order.terms)
    if against is not None:
        raise Poison(Reason.CONTRADICTION, against, saga.saga_id)
    if saga.where.awaits is None:
        return Decision(saga, Effect.LATE)
    if not order.cancel or saga.cancel_asked:
        return Decision(saga, Effect.DUPLICATE)
    noted = saga._replace(
        cancel_asked=True,
        last_event=_event(order),
        updated_at=now,
        version=saga.version + 1,
    )
    return Decision(noted, Effect.CHANGED, _entry(saga.state, noted, ""))


def _answered(saga: Saga | None, reply: Reply, now: datetime, policy: Policy) -> Decision:
    if saga is None or saga.where.awaits is None:
        return Decision(saga, Effect.LATE)
    target = FLOWS[saga.flow_version].transition(
        saga.state, reply.command, reply.answer, cancel_asked=saga.cancel_asked
    )
    if target is None:
        return Decision(saga, Effect.DUPLICATE)
    if _name(target) == saga.state:
        return _insist(saga, reply, now, policy)
    moved = saga._replace(
        state=_name(target),
        last_event=_event(reply),
        updated_at=now,
        say_again_at=_due(now, policy),
        references=_references(saga, reply),
        failure_reason=saga.failure_reason or _cause(reply, target),
        attempts=0,
        parked_at=None,
        said=1,
        version=saga.version + 1,
    )
    return Decision(moved, Effect.CHANGED, _entry(saga.state, moved, reply.reason), target.awaits)


def _insist(saga: Saga, reply: Reply, now: datetime, policy: Policy) -> Decision:
    """Stay, and let the timer say it again until it parks: an undo has no third outcome (rule 4).

    Nothing was said since a saga parked, so another refusal is an echo and is not counted.
    """
    if saga.parked_at is not None:
        return Decision(saga, Effect.DUPLICATE)
    attempts = saga.attempts + 1
    stayed = saga._replace(
        last_event=_event(reply),
        updated_at=now,
        attempts=attempts,
        # Attempts are not set back by a person's retry: it parks after as many more.
        parked_at=now if attempts % policy.park_after_attempts == 0 else None,
        version=saga.version + 1,
    )
    return Decision(stayed, Effect.CHANGED, _entry(saga.state, stayed, reply.reason))


def tried_again(saga: Saga, why: str, now: datetime) -> Decision:
    """What a person's retry makes of a parked saga: it waits where it is, and is due at once.

    Noted in the history, as the refusals are. A saga that is not parked is only hastened, which
    decides nothing.
    """
    if saga.parked_at is None:
        return Decision(saga, Effect.DUPLICATE)
    waits = saga._replace(
        last_event=RETRY,
        updated_at=now,
        say_again_at=now,
        parked_at=None,
        said=0,
        version=saga.version + 1,
    )
    return Decision(waits, Effect.CHANGED, _entry(saga.state, waits, why))


def _cause(reply: Reply, target: State) -> str:
    """Say why the saga turns back, if it does now: the refusal's own words, or the cancel."""
    if reply.answer is Answer.REFUSED:
        return reply.reason or UNSAID
    turned_back = target.awaits is not None and target.awaits.action not in ACTIONS
    return CANCELLED if turned_back else ""


def _references(saga: Saga, reply: Reply) -> Mapping[str, str]:
    kept = reply.answer is Answer.OK and reply.command.action in ACTIONS
    return {**saga.references, reply.command.step: reply.reference} if kept else saga.references


def outcome(status: Status, last_event: str) -> Outcome | None:
    """Say how a saga ended, None while it runs: compensated if an undo came last."""
    match status:
        case Status.RUNNING:
            return None
        case Status.SUCCESS:
            return Outcome.COMPLETED
        case Status.FAILED:
            undone = any(last_event == _answer_event(undo, Answer.OK) for undo in UNDOS)
            return Outcome.COMPENSATED if undone else Outcome.REJECTED
        case _:
            assert_never(status)


def _due(now: datetime, policy: Policy) -> datetime:
    return now + timedelta(seconds=policy.say_again_after_seconds)


def _name(state: State) -> str:
    """Name the state as the table does, where the two ends called DONE have two names."""
    return state.name if state.awaits is not None else f"{state.name}/{state.status.value}"


def _event(heard: Heard) -> str:
    match heard:
        case PlaceOrder(cancel=cancel):
            return "place-order cancel" if cancel else "place-order"
        case Reply(command=command, answer=answer):
            return _answer_event(command, answer)
        case _:
            assert_never(heard)


def _answer_event(command: Command, answer: Answer) -> str:
    return f"{command.step}-reply {command.action} {answer.value}"


def _entry(source: str, saga: Saga, reason: str) -> Entry:
    return Entry(
        saga.saga_id,
        saga.version,
        source,
        saga.state,
        saga.last_event,
        reason,
        saga.updated_at,
        saga.flow_version,
    )
