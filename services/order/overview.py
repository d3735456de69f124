"""Status × step of both modes, from counts: pure. What the first page shows and `GET /` answers."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field

from order.answers import LongMode, OrderView
from order.store_overview import RECENT_ORDERS, Ends, Open
from saga.contract import STEPS, Mode, Outcome


class StepCounts(BaseModel):
    """Open orders of one mode that await this step; the three add up to all of them."""

    step: str
    owed_by: str = Field(description="the service that owes it")
    moving: int
    stuck: int = Field(description="nothing learnt for stuck_after_seconds")
    parked: int = Field(description="an undo failed too often: a person is needed")
    silent_seconds: float | None = Field(description="the longest time that nothing was learnt")


class EndCounts(BaseModel):
    """How the youngest orders ended, and the time from placing to that end."""

    outcome: Outcome
    count: int
    p50_seconds: float | None
    p95_seconds: float | None


class ModeOverview(BaseModel):
    """One mode."""

    mode: LongMode
    open: int
    steps: list[StepCounts]
    ends: list[EndCounts]


class Overview(BaseModel):
    """Where the orders of both modes stand now. Times are UTC."""

    at: datetime
    stuck_after_seconds: float
    ends_of_the_last: int = Field(description="how many of the youngest orders `ends` counts")
    modes: list[ModeOverview]
    stuck: list[OrderView] = Field(description="those that were silent longest; parked ones too")
    recent: list[OrderView]


_ORDER: Final = {outcome.value: outcome for outcome in Outcome}


def overview(
    at: datetime,
    stuck_after_seconds: float,
    counted: tuple[Sequence[Open], Sequence[Ends]],
    stuck: list[OrderView],
    recent: list[OrderView],
) -> Overview:
    """Every step and outcome of both modes, at 0 where there is none."""
    opens, ends = counted
    return Overview(
        at=at,
        stuck_after_seconds=stuck_after_seconds,
        ends_of_the_last=RECENT_ORDERS,
        modes=[
            _mode(mode, [o for o in opens if o.mode == mode], [e for e in ends if e.mode == mode])
            for mode in Mode
        ],
        stuck=stuck,
        recent=recent,
    )


def _mode(mode: Mode, opens: Sequence[Open], ends: Iterable[Ends]) -> ModeOverview:
    by_step = {one.current_step: one for one in opens}
    by_outcome = {one.outcome: one for one in ends}
    return ModeOverview(
        mode=mode.long,
        open=sum(one.orders for one in opens),
        steps=[_step(word.name, word.owed_by, by_step.get(word.current_step)) for word in STEPS],
        ends=[_end(outcome, by_outcome.get(name)) for name, outcome in _ORDER.items()],
    )


def _step(name: str, owed_by: str, one: Open | None) -> StepCounts:
    if one is None:
        return StepCounts(
            step=name, owed_by=owed_by, moving=0, stuck=0, parked=0, silent_seconds=None
        )
    return StepCounts(
        step=name,
        owed_by=owed_by,
        moving=one.orders - one.stuck - one.parked,
        stuck=one.stuck,
        parked=one.parked,
        silent_seconds=one.oldest_seconds,
    )


def _end(outcome: Outcome, one: Ends | None) -> EndCounts:
    if one is None:
        return EndCounts(outcome=outcome, count=0, p50_seconds=None, p95_seconds=None)
    return EndCounts(
        outcome=outcome,
        count=one.orders,
        p50_seconds=one.p50_seconds,
        p95_seconds=one.p95_seconds,
    )
