"""The compiled table of transitions, cell by cell against the contract, and what it must be for
other tuples.
"""

from itertools import product

import pytest

from sagakit.core.steps import (
    FAILED,
    SUCCESS,
    Answer,
    Command,
    Definition,
    Status,
    Step,
    awaiting,
    compensating,
    compile_steps,
)

OK, REFUSED = Answer.OK, Answer.REFUSED
THREE = (
    Step("payment", action="AUTHORIZE", compensation="REFUND"),
    Step("inventory", action="RESERVE", compensation="RELEASE"),
    Step("shipment", action="SCHEDULE"),
)
TABLE = [
    # state, ok, ok while cancel is asked, refused
    ("AWAITING_PAYMENT", "AWAITING_INVENTORY", "COMPENSATING_PAYMENT", FAILED),
    (
        "AWAITING_INVENTORY",
        "AWAITING_SHIPMENT",
        "COMPENSATING_INVENTORY",
        "COMPENSATING_PAYMENT",
    ),
    ("AWAITING_SHIPMENT", SUCCESS, SUCCESS, "COMPENSATING_INVENTORY"),
    (
        "COMPENSATING_INVENTORY",
        "COMPENSATING_PAYMENT",
        "COMPENSATING_PAYMENT",
        "COMPENSATING_INVENTORY",
    ),
    ("COMPENSATING_PAYMENT", FAILED, FAILED, "COMPENSATING_PAYMENT"),
]


@pytest.mark.parametrize(("state", "ok", "ok_cancelled", "refused"), TABLE)
def test_the_contract_s_table(state: str, ok: str, ok_cancelled: str, refused: str) -> None:
    table = compile_steps(THREE).table
    assert table[state, OK, False] == ok
    assert table[state, OK, True] == ok_cancelled
    assert table[state, REFUSED, False] == refused
    assert table[state, REFUSED, True] == refused


def test_the_contract_s_table_is_the_whole_table() -> None:
    compiled = compile_steps(THREE)
    assert set(compiled.table) == set(product((row[0] for row in TABLE), Answer, (False, True)))
    assert set(compiled.states) == {row[0] for row in TABLE} | {SUCCESS, FAILED}


def test_a_saga_begins_with_its_first_step_or_ends_cancelled() -> None:
    compiled = compile_steps(THREE)
    assert compiled.begin(cancel_asked=False).name == "AWAITING_PAYMENT"
    assert compiled.begin(cancel_asked=False).status is Status.RUNNING
    assert compiled.begin(cancel_asked=True).status is Status.FAILED


def test_only_the_awaited_participant_and_action_count() -> None:
    compiled = compile_steps(THREE)
    commands = [Command(step.name, step.action) for step in THREE]
    commands += [Command(step.name, step.compensation) for step in THREE if step.compensation]
    counted = 0
    for (name, state), command, answer, cancel in product(
        compiled.states.items(), commands, Answer, (False, True)
    ):
        after = compiled.transition(name, command, answer, cancel_asked=cancel)
        assert (after is not None) == (state.awaits == command)
        counted += after is not None
    assert counted == len(compiled.table)


def ends_from(compiled: Definition, answers: list[Answer], cancel: bool = False) -> list[str]:
    """The states passed when the awaited command gets these answers in turn."""
    name, passed = compiled.first, [compiled.first]
    for answer in answers:
        name = compiled.table[name, answer, cancel]
        passed.append(name)
    return passed


FOUR = (
    Step("grind", action="GRIND", compensation="DISCARD"),
    Step("steam", action="STEAM"),
    Step("pour", action="POUR", compensation="SPILL"),
    Step("serve", action="SERVE"),
)


def test_before_the_pivot_a_refusal_or_cancel_undoes_in_reverse_order() -> None:
    compiled = compile_steps(FOUR)
    assert ends_from(compiled, [OK, REFUSED, OK])[1:] == [
        "AWAITING_STEAM",
        "COMPENSATING_GRIND",
        FAILED,
    ]
    assert ends_from(compiled, [OK], cancel=True)[-1] == "COMPENSATING_GRIND"


def test_after_the_pivot_a_refusal_is_insisted_upon_and_a_cancel_no_longer_counts() -> None:
    compiled = compile_steps(FOUR)
    passed = ends_from(compiled, [OK, OK, REFUSED, OK, REFUSED, OK])
    assert passed[2:] == [
        "AWAITING_POUR",
        "AWAITING_POUR",
        "AWAITING_SERVE",
        "AWAITING_SERVE",
        SUCCESS,
    ]
    assert compiled.table["AWAITING_POUR", OK, True] == "AWAITING_SERVE"
    assert compiled.table["AWAITING_STEAM", OK, True] == "AWAITING_POUR"


def test_four_steps_that_can_all_be_undone() -> None:
    steps = tuple(Step(name, name.upper(), f"UN{name.upper()}") for name in "abcd")
    compiled = compile_steps(steps)
    passed = ends_from(compiled, [OK, OK, OK, REFUSED, OK, OK, REFUSED, OK])
    assert passed[4:] == [
        "COMPENSATING_C",
        "COMPENSATING_B",
        "COMPENSATING_A",
        "COMPENSATING_A",
        FAILED,
    ]
    assert compiled.table["AWAITING_D", OK, True] == "COMPENSATING_D"


@pytest.mark.parametrize("steps", [THREE, FOUR, FOUR[:1], FOUR[1:2], THREE[::-1]])
def test_every_state_is_reached_from_a_table_that_is_complete(steps: tuple[Step, ...]) -> None:
    compiled = compile_steps(steps)
    running = {name for name, state in compiled.states.items() if state.awaits is not None}
    assert set(compiled.table) == set(product(running, Answer, (False, True)))
    assert set(compiled.table.values()) <= set(compiled.states)
    assert all(awaiting(step) in compiled.states for step in steps)
    undoable = [step for step in steps if step.compensation]
    assert all(compensating(step) in compiled.states for step in undoable)


@pytest.mark.parametrize("steps", [(), (FOUR[0], FOUR[0])])
def test_a_saga_without_steps_or_with_a_step_twice_is_refused(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ValueError, match="at least one step and each name once"):
        compile_steps(steps)
