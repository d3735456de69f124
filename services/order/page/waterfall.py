"""Where everything of a waterfall stands: pure geometry, from bars to a figure.

Across, all is in percent of the width, so that a picture fits every screen and its text keeps its
size; down, all is in pixels. It must not know SVG, HTML or colours.
"""

import math
from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

from saga.story import Bar, Moment

LANE_PIXELS: Final = 40
BAR_PIXELS: Final = 18
AXIS_PIXELS: Final = 24
BAR_PERCENT_MIN: Final = 0.6
"""A step of no time is still seen."""

MARKS_MAX: Final = 3
"""Hollow marks of one event's duplicates; the others are a number."""

MARK_PIXELS: Final = 11
PLOT_PERCENT: Final = 98.0
"""The share of the width that the time takes; a bar of no time at its end needs the rest."""

TICKS_MAX: Final = 5
WIDTH_PERCENT: Final = 100.0
LABEL_PERCENT: Final = 32.0
"""The room that a bar's text is given: beside the bar on either side, else on it."""

MILLISECONDS: Final = 1_000


class Place(Enum):
    """Where a bar's text stands."""

    AFTER = "after"
    BEFORE = "before"
    ON = "on"


class Tick(NamedTuple):
    """One mark of the time axis."""

    x_percent: float
    label: str


class Duplicates(NamedTuple):
    """An event that came again: `hollow` are the marks' distances in pixels, `more` the rest."""

    x_percent: float
    event: str
    times: int
    hollow: tuple[int, ...]
    more: int


class Lane(NamedTuple):
    """One step: its row, its bar, and what is marked on it."""

    bar: Bar
    top: int
    middle: int
    x_percent: float
    width_percent: float
    label: str
    label_x_percent: float
    label_place: Place
    retries_percent: tuple[float, ...]
    duplicates: tuple[Duplicates, ...]


class Arrow(NamedTuple):
    """What caused a step: from the bar above down to the bar that begins there."""

    x_percent: float
    y_from: int
    y_to: int


class Figure(NamedTuple):
    """A whole waterfall. `begun` are the duplicates of the event that began the saga."""

    height: int
    lanes: tuple[Lane, ...]
    arrows: tuple[Arrow, ...]
    ticks: tuple[Tick, ...]
    begun: tuple[Duplicates, ...]


def span_seconds(drawn: Sequence[Bar]) -> float:
    """From the beginning of a saga to the end of its last bar; never nothing."""
    return max((bar.start_seconds + bar.took_seconds for bar in drawn), default=0.0) or 0.001


def lay_out(drawn: Sequence[Bar], known: Sequence[Moment], span: float) -> Figure:
    """Put every bar on a lane of its own, along `span` seconds."""
    lanes = tuple(_lane(number, bar, known, span) for number, bar in enumerate(drawn))
    arrows = tuple(
        Arrow(lane.x_percent, lanes[cause].middle + BAR_PIXELS // 2, lane.middle - BAR_PIXELS // 2)
        for lane in lanes
        if (cause := lane.bar.caused_by) is not None
    )
    first = [moment for moment in known if moment.step is None and moment.retries is None]
    return Figure(
        len(lanes) * LANE_PIXELS + AXIS_PIXELS,
        lanes,
        arrows,
        _ticks(span),
        _duplicates(first, known, span),
    )


def _place(begin: float, end: float) -> Place:
    if end <= WIDTH_PERCENT - LABEL_PERCENT:
        return Place.AFTER
    return Place.BEFORE if begin >= LABEL_PERCENT else Place.ON


def _lane(number: int, bar: Bar, known: Sequence[Moment], span: float) -> Lane:
    top = number * LANE_PIXELS
    x = _percent(bar.start_seconds, span)
    width = max(BAR_PERCENT_MIN, _percent(bar.took_seconds, span))
    place = _place(x, x + width)
    ends = [moment for moment in known if moment.step == bar.step]
    return Lane(
        bar,
        top,
        top + LANE_PIXELS // 2,
        x,
        width,
        duration(bar.took_seconds),
        x + width if place is Place.AFTER else x,
        place,
        tuple(_percent(at, span) for at in bar.retries),
        _duplicates(ends, known, span),
    )


def _duplicates(
    events: Sequence[Moment], known: Sequence[Moment], span: float
) -> tuple[Duplicates, ...]:
    return tuple(
        Duplicates(
            _percent((one.at - known[0].at).total_seconds(), span),
            one.event,
            one.repeats,
            tuple(MARK_PIXELS * place for place in range(min(one.repeats, MARKS_MAX))),
            max(0, one.repeats - MARKS_MAX),
        )
        for one in events
        if one.repeats
    )


def _percent(seconds: float, span: float) -> float:
    return round(min(max(seconds / span, 0.0), 1.0) * PLOT_PERCENT, 3)


def _ticks(span: float) -> tuple[Tick, ...]:
    """At round times: 1, 2 or 5 of a power of ten apart."""
    rough = span / TICKS_MAX
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    count = int(span / step + 1e-9)
    return tuple(
        Tick(_percent(place * step, span), duration(place * step)) for place in range(count + 1)
    )


def duration(seconds: float) -> str:
    """A span of time as people say it: 0, 84 ms, 1.25 s, 3 min 20 s, 2 h 5 min."""
    if seconds <= 0:
        return "0"
    if seconds < 1:
        thousandths = seconds * MILLISECONDS
        return f"{thousandths:.3g} ms" if thousandths < MILLISECONDS - 0.5 else "1 s"
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{seconds:.3g} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:  # noqa: PLR2004 - two days
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d"
