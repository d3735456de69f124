"""The orchestrated saga: one tuple of steps, compiled into one table of transitions.

A saga awaits the answer to one command at a time. Forwards it is in AWAITING_<STEP>, backwards in
COMPENSATING_<STEP>, at the end in DONE with SUCCESS or FAILED. A definite answer moves it; nothing
else does (rule 1).

    ok       the next step; after the last one SUCCESS
    refused  the nearest earlier step that has a compensation, backwards; if there is none, FAILED
    ok while cancel is asked   as if the next step had refused: this step's own compensation
    ok to a compensation       the next earlier compensation; after the first step's FAILED

A step without a compensation is the *pivot*: once it is done nothing can be undone, so a cancel no
longer counts, and every step after it must succeed: its refusal is not an answer but a reason to
insist. A refused compensation is insisted upon likewise (rule 4). Anything that is not the awaited
answer has one defined effect: none.

The table is complete: `transition` looks up and decides nothing. The diagram is generated from the
same table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Step:
    """One step, read aloud: who, which action, and which action undoes it (None: it cannot be
    undone).
    """

    name: str
    action: str
    compensation: str | None = None


class Status(Enum):
    """`saga_state.status`."""

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


class Answer(Enum):
    """The definite answers of a participant."""

    OK = "ok"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Command:
    """What is said to a participant: the step's name and one of its two actions."""

    step: str
    action: str


@dataclass(frozen=True, slots=True)
class State:
    """One state: its name, its status, and the command whose answer it awaits (None at an end)."""

    name: str
    status: Status
    awaits: Command | None


@dataclass(frozen=True, slots=True)
class Definition:
    """A compiled saga. `table` maps (state, answer, cancel asked) to the next state's name; same
    name means insist.
    """

    states: Mapping[str, State]
    first: str
    table: Mapping[tuple[str, Answer, bool], str]

    def transition(
        self, state: str, command: Command, answer: Answer, *, cancel_asked: bool
    ) -> State | None:
        """The next state, or None where this answer is not the one awaited: participant *and*
        action must match.
        """
        if self.states[state].awaits != command:
            return None
        return self.states[self.table[state, answer, cancel_asked]]

    def begin(self, *, cancel_asked: bool) -> State:
        """The state of a saga that is heard of for the first time."""
        return self.states[FAILED if cancel_asked else self.first]


SUCCESS = "DONE/SUCCESS"
FAILED = "DONE/FAILED"
DONE = "DONE"
"""`current_step` of both ends; the two are told apart by the status."""


def awaiting(step: Step) -> str:
    """The name of the state that awaits the step's action."""
    return f"AWAITING_{step.name.upper()}"


def compensating(step: Step) -> str:
    """The name of the state that awaits the step's compensation."""
    return f"COMPENSATING_{step.name.upper()}"


def compile_steps(steps: Sequence[Step]) -> Definition:
    """Compile the tuple into its table. Raises ValueError for an empty saga or a step named
    twice.
    """
    names = [step.name for step in steps]
    if not names or len(set(names)) != len(names):
        message = f"a saga needs at least one step and each name once; got {names}"
        raise ValueError(message)
    states = {
        SUCCESS: State(DONE, Status.SUCCESS, None),
        FAILED: State(DONE, Status.FAILED, None),
    }
    table: dict[tuple[str, Answer, bool], str] = {}
    for index, step in enumerate(steps):
        _compile_forward(steps, index, states, table)
        if step.compensation is not None:
            _compile_backward(steps, index, states, table)
    return Definition(MappingProxyType(states), awaiting(steps[0]), MappingProxyType(table))


def _compile_forward(
    steps: Sequence[Step],
    index: int,
    states: dict[str, State],
    table: dict[tuple[str, Answer, bool], str],
) -> None:
    step, here = steps[index], awaiting(steps[index])
    states[here] = State(here, Status.RUNNING, Command(step.name, step.action))
    onwards = awaiting(steps[index + 1]) if index + 1 < len(steps) else SUCCESS
    after_pivot = any(earlier.compensation is None for earlier in steps[:index])
    undoable = step.compensation is not None and not after_pivot
    for cancel in (False, True):
        table[here, Answer.OK, cancel] = compensating(step) if cancel and undoable else onwards
        table[here, Answer.REFUSED, cancel] = here if after_pivot else _backwards(steps, index)


def _compile_backward(
    steps: Sequence[Step],
    index: int,
    states: dict[str, State],
    table: dict[tuple[str, Answer, bool], str],
) -> None:
    step, here = steps[index], compensating(steps[index])
    states[here] = State(here, Status.RUNNING, Command(step.name, step.compensation or ""))
    for cancel in (False, True):
        table[here, Answer.OK, cancel] = _backwards(steps, index)
        table[here, Answer.REFUSED, cancel] = here


def _backwards(steps: Sequence[Step], index: int) -> str:
    """Where a saga goes from step `index` when everything before it must be undone."""
    earlier = [step for step in steps[:index] if step.compensation is not None]
    return compensating(earlier[-1]) if earlier else FAILED
