import pytest

from peers.judge import End, broken_rules, end_of, faults_of
from peers.steps import Action, Claim

CHARGE, RESERVE, SHIP = Action.CHARGE, Action.RESERVE, Action.SHIP
RELEASE, REFUND = Action.RELEASE, Action.REFUND
DELIVERED = [CHARGE, RESERVE, SHIP]
UNDONE = [CHARGE, RESERVE, RELEASE, REFUND]


@pytest.mark.parametrize(
    ("effects", "end", "claim"),
    [
        (DELIVERED, End.DELIVERED, Claim.COMPLETED),
        (UNDONE, End.UNDONE, Claim.UNDONE),
        ([CHARGE, REFUND], End.UNDONE, Claim.UNDONE),
        ([], End.UNDONE, Claim.UNDONE),
        (DELIVERED, End.EITHER, Claim.COMPLETED),
        (UNDONE, End.EITHER, Claim.UNDONE),
    ],
)
def test_a_saga_that_ended_as_it_should_has_no_fault(effects, end, claim):
    assert faults_of(effects, end, claim) == []


@pytest.mark.parametrize(
    ("effects", "end", "claim", "said"),
    [
        ([CHARGE], End.EITHER, Claim.UNDONE, "left half done: charge"),
        ([CHARGE, RESERVE, REFUND], End.UNDONE, Claim.UNDONE, "left half done"),
        ([SHIP], End.EITHER, Claim.COMPLETED, "left half done: ship"),
        (UNDONE, End.DELIVERED, Claim.UNDONE, "though it should end delivered"),
        ([CHARGE, RESERVE, REFUND, RELEASE], End.UNDONE, Claim.UNDONE, "wrong order"),
        ([*DELIVERED, RELEASE, REFUND], End.EITHER, Claim.UNDONE, "shipped and refund"),
        ([*DELIVERED, SHIP], End.DELIVERED, Claim.COMPLETED, "ship 2 times"),
        ([REFUND], End.UNDONE, Claim.UNDONE, "refund of what was never done"),
        (DELIVERED, End.DELIVERED, Claim.OPEN, "never said to have ended"),
        (DELIVERED, End.DELIVERED, Claim.UNDONE, "the engine says 'undone'"),
        (UNDONE, End.UNDONE, Claim.BROKEN, "the engine says 'broken'"),
    ],
)
def test_what_is_wrong_is_said(effects, end, claim, said):
    assert any(said in fault for fault in faults_of(effects, end, claim))


def test_a_saga_on_its_way_breaks_no_rule():
    for way in (DELIVERED, UNDONE):
        for length in range(len(way) + 1):
            assert broken_rules(way[:length]) == []


def test_money_that_is_held_is_no_end():
    assert end_of([CHARGE]) is None
    assert end_of([CHARGE, RESERVE, RELEASE]) is None
