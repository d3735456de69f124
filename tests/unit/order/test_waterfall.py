"""Where everything of a waterfall stands."""

from datetime import UTC, datetime, timedelta

import pytest

from order.page.waterfall import (
    BAR_PERCENT_MIN,
    LANE_PIXELS,
    MARKS_MAX,
    PLOT_PERCENT,
    TICKS_MAX,
    Place,
    duration,
    lay_out,
    span_seconds,
)
from saga.story import Bar, Moment, StepState

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PAYMENT = Bar("payment", StepState.OK, 0.0, 1.0)
REFUND = Bar("refund", StepState.UNDO, 1.0, 3.0, (2.0, 3.0), 0)


def moment(seconds: float, step: str | None, repeats: int = 0) -> Moment:
    at = BEGIN + timedelta(seconds=seconds)
    state = None if step is None else StepState.OK
    return Moment(at, step or "order-requested", step, state, repeats=repeats)


def test_bars_are_in_proportion_and_one_under_the_other() -> None:
    figure = lay_out([PAYMENT, REFUND], [moment(0, None)], 4.0)
    first, second = figure.lanes
    assert (first.x_percent, first.width_percent) == (0.0, PLOT_PERCENT / 4)
    assert (second.x_percent, second.width_percent) == (PLOT_PERCENT / 4, PLOT_PERCENT * 3 / 4)
    assert second.top - first.top == LANE_PIXELS
    assert figure.height > second.top + LANE_PIXELS


def test_what_caused_a_bar_points_at_its_beginning() -> None:
    (arrow,) = lay_out([PAYMENT, REFUND], [moment(0, None)], 4.0).arrows
    assert arrow.x_percent == PLOT_PERCENT / 4
    assert arrow.y_from < arrow.y_to


def test_tries_are_ticks_within_their_bar() -> None:
    lane = lay_out([PAYMENT, REFUND], [moment(0, None)], 4.0).lanes[1]
    assert lane.retries_percent == (PLOT_PERCENT / 2, PLOT_PERCENT * 3 / 4)


@pytest.mark.parametrize(("repeats", "hollow", "more"), [(1, 1, 0), (3, 3, 0), (9, MARKS_MAX, 6)])
def test_what_came_again_is_hollow_at_its_event(repeats: int, hollow: int, more: int) -> None:
    figure = lay_out([PAYMENT], [moment(0, None), moment(1, "payment", repeats)], 2.0)
    (found,) = figure.lanes[0].duplicates
    assert found.x_percent == PLOT_PERCENT / 2
    assert (len(found.hollow), found.more, found.times) == (hollow, more, repeats)
    assert figure.begun == ()


def test_what_began_a_saga_may_come_again_too() -> None:
    assert lay_out([PAYMENT], [moment(0, None, 2)], 2.0).begun[0].times == 2


@pytest.mark.parametrize(
    ("start", "took", "place"),
    [
        (0.0, 1.0, Place.AFTER),
        (3.0, 1.0, Place.BEFORE),
        (0.0, 4.0, Place.ON),
        (1.0, 3.0, Place.ON),
    ],
)
def test_a_bars_text_stands_where_there_is_room(start: float, took: float, place: Place) -> None:
    bar = Bar("payment", StepState.OK, start, took)
    assert lay_out([bar], [moment(0, None)], 4.0).lanes[0].label_place is place


def test_a_step_of_no_time_is_seen_and_nothing_leaves_the_picture() -> None:
    bars = [Bar("payment", StepState.OK, 4.0, 0.0), Bar("refund", StepState.UNDO, 9.0, 5.0)]
    for lane in lay_out(bars, [moment(0, None)], 4.0).lanes:
        assert lane.width_percent >= BAR_PERCENT_MIN
        assert lane.x_percent + BAR_PERCENT_MIN <= 100


@pytest.mark.parametrize("span", [0.001, 0.0234, 0.3, 1.0, 7.0, 59.0, 3_000.0, 900_000.0])
def test_the_axis_has_a_few_round_marks(span: float) -> None:
    ticks = lay_out([], [moment(0, None)], span).ticks
    assert 2 <= len(ticks) <= TICKS_MAX + 1
    assert len({tick.label for tick in ticks}) == len(ticks)
    assert all(0 <= tick.x_percent <= PLOT_PERCENT for tick in ticks)


def test_a_span_is_never_nothing() -> None:
    assert span_seconds([]) > 0
    assert span_seconds([PAYMENT, REFUND]) == 4.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0"),
        (0.0843, "84.3 ms"),
        (0.9996, "1 s"),
        (1.25, "1.25 s"),
        (15.52, "15.5 s"),
        (59.7, "1 min"),
        (200.0, "3 min 20 s"),
        (7_500.0, "2 h 5 min"),
        (864_000.0, "10 d"),
    ],
)
def test_a_duration_is_said_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text
