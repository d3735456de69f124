"""From what the API answers to what a page shows of one saga: pure.

It must not know HTTP or templates.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from order.answers import Comparison, Told
from order.page.waterfall import Figure, lay_out, span_seconds
from saga import story
from saga.story import Bar, Moment


class Drawn(NamedTuple):
    """One saga as it is drawn. `seconds` are from its beginning to its last bar's end."""

    told: Told
    known: list[Moment]
    bars: list[Bar]
    seconds: float
    figure: Figure
    in_words: str


def draw(told: Told, now: datetime, span: float | None = None) -> Drawn:
    """One saga along its own time, or along `span` seconds."""
    known = story.moments(told.timeline.model_dump())
    is_open = told.saga.status == "RUNNING"
    bars = story.bars(known, now if is_open else None)
    seconds = span_seconds(bars)
    return Drawn(told, known, bars, seconds, lay_out(bars, known, span or seconds), _words(bars))


def draw_both(comparison: Comparison, now: datetime) -> list[Drawn]:
    """Both sides along one and the same time, so that lengths can be compared."""
    sides = [side for side in (comparison.choreography, comparison.orchestration) if side]
    span = max((draw(side, now).seconds for side in sides), default=0.0)
    return [draw(side, now, span) for side in sides]


def differing(sides: Iterable[Drawn]) -> list[str]:
    """In what the two orders differ, so that nobody compares what cannot be compared."""
    terms = [
        (d.told.saga.drink, d.told.saga.quantity, d.told.saga.amount_cents, d.told.saga.faults)
        for d in sides
    ]
    names = ("drink", "quantity", "amount", "faults")
    return [name for name, *both in zip(names, *terms, strict=True) if len(set(both)) > 1]


def _words(bars: Iterable[Bar]) -> str:
    """The picture for those who do not see it."""
    said = (f"{bar.step} {bar.state.value} after {bar.took_seconds:.2f} seconds" for bar in bars)
    return ", then ".join(said) or "nothing was heard of it yet"
