"""What a drain comes to: done, not yet, a person is needed, or it would fill again."""

from typing import Any

import pytest

from brewsaga.errors import CommandError, Exit
from brewsaga.intake import check_paused, judge, line


def mode(*, paused: bool = True, parked: int = 0, **steps: int) -> dict[str, Any]:
    return {
        "mode": "choreography",
        "paused": paused,
        "open": sum(steps.values()),
        "open_by_step": steps,
        "parked": parked,
    }


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([mode()], Exit.COMPLETED),
        ([mode(), mode()], Exit.COMPLETED),
        ([mode(payment=2, refund=1)], Exit.TIMED_OUT),
        ([mode(refund=3, parked=2)], Exit.TIMED_OUT),
        ([mode(refund=3, parked=3)], Exit.NEEDS_A_PERSON),
        ([mode(refund=3, parked=3), mode(payment=1)], Exit.TIMED_OUT),
    ],
)
def test_a_drain_is_done_when_nothing_is_open(found: list[dict[str, Any]], code: Exit) -> None:
    assert judge(found) is code


def test_what_is_open_is_said_by_step() -> None:
    said = line(mode(refund=5, payment=2, parked=1))
    assert said == "INTAKE mode=choreography paused open=7 payment=2 refund=5 parked=1"
    assert line(mode(paused=False)) == "INTAKE mode=choreography open open=0"


def test_what_fills_again_cannot_be_drained() -> None:
    check_paused([mode(payment=1)])
    with pytest.raises(CommandError) as refused:
        check_paused([mode(), mode(paused=False)])
    assert refused.value.next_step == "brewsaga intake pause --mode choreography"
