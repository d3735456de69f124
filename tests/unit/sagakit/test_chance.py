"""Chance as data: the same answer each time, about as often as asked, and faults read from whatever
text comes.
"""

import pytest

from sagakit.core.chance import NO_FAULTS, Faults, Odds, parse_faults, unlucky


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 0.5, 0.99, 1.0])
def test_about_as_many_are_unlucky_as_the_rate_says(rate: float) -> None:
    drawn = [unlucky("seed", f"saga-{number}", "step", rate) for number in range(4_000)]
    assert drawn == [unlucky("seed", f"saga-{number}", "step", rate) for number in range(4_000)]
    assert abs(sum(drawn) / 4_000 - rate) < 0.04
    assert rate not in {0.0, 1.0} or sum(drawn) == 4_000 * rate


@pytest.mark.parametrize(
    "other", [("other", "s", "a", 0), ("seed", "t", "a", 0), ("seed", "s", "b", 0)]
)
def test_seed_saga_step_and_attempt_draw_apart(other: tuple[str, str, str, int]) -> None:
    seed, saga, step, _ = other
    ours = [unlucky("seed", f"s{n}", "a", 0.5) for n in range(64)]
    assert ours != [unlucky(seed, f"{saga}{n}", step, 0.5) for n in range(64)]
    assert ours != [unlucky("seed", f"s{n}", "a", 0.5, attempt=1) for n in range(64)]


@pytest.mark.parametrize(
    ("text", "percents", "delays"),
    [
        ("", {}, {}),
        ("shipment=30", {"shipment": 30.0}, {}),
        (
            "shipment=30;refund=50,delay:3s",
            {"shipment": 30.0, "refund": 50.0},
            {"refund": 3.0},
        ),
        (" Payment = 12.5% ; delay:250ms", {"payment": 12.5}, {"": 0.25}),
        ("payment=delay:2m", {}, {"payment": 120.0}),
        ("payment=1000;delay:9999", {"payment": 100.0}, {"": 300.0}),
        ("payment=-1;=;;x;payment=nan;a=inf;delay:soon;delay:", {}, {}),
    ],
)
def test_faults_are_read(text: str, percents: dict[str, float], delays: dict[str, float]) -> None:
    assert parse_faults(text) == Faults(percents, delays)


def test_a_delay_without_a_step_is_for_every_step() -> None:
    faults = parse_faults("delay:1s;refund=delay:2s")
    assert (faults.delay("payment"), faults.delay("refund")) == (1.0, 2.0)
    assert NO_FAULTS.delay("payment") == 0.0


def test_a_sagas_own_faults_count_only_where_they_are_switched_on() -> None:
    text = "do=100;undo=100,delay:3s"
    on = Odds("do", "undo", "seed", faults_enabled=True)
    off = Odds("do", "undo", "seed")
    assert (on.do_fails("s", text), on.undo_fails("s", text, 0)) == (True, True)
    assert (off.do_fails("s", text), off.undo_fails("s", text, 0)) == (False, False)
    assert (on.delay_seconds(text, undo=True), on.delay_seconds(text, undo=False)) == (3.0, 0.0)
    assert off.delay_seconds(text, undo=True) == 0.0
