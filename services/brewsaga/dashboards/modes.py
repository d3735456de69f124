"""Choreography against orchestration: the same panels in two columns, and what differs."""

from typing import Final

from brewsaga.dashboards.grafana import Dashboard, Panel, Query
from brewsaga.dashboards.questions import (
    CHAOS,
    RATE,
    VARIABLES,
    compensated_share,
    durations,
    in_flight,
    oldest,
    quantile,
    step_p95,
    throughput,
)
from saga.contract import Mode

_P95: Final = {
    mode: quantile(0.95, "brewsaga_saga_duration_seconds", f'mode="{mode.long}"') for mode in Mode
}

RATIO: Final = Panel(
    "p95 of choreography to that of orchestration",
    "Above 1 choreography takes longer from order to end, below 1 orchestration does.",
    "none",
    (Query(f"{_P95[Mode.CHOREO]} / {_P95[Mode.ORCH]}", "ratio"),),
    width=12,
)


def _heard_a_saga(mode: Mode) -> Query:
    topics = f'topic=~"{mode.value}[.].+"'
    return Query(
        f"sum(rate(brewsaga_messages_processed_total{{{topics}}}{RATE}))"
        f' / sum(rate(brewsaga_sagas_finished_total{{mode="{mode.long}"}}{RATE}))',
        mode.long,
    )


MESSAGES: Final = Panel(
    "Messages heard per finished saga",
    "What one saga costs in messages: in choreography order hears all nine topics.",
    "none",
    tuple(_heard_a_saga(mode) for mode in Mode),
    width=12,
)


def _column(mode: Mode) -> tuple[Panel, ...]:
    only = f'mode="{mode.long}"'
    by_step = f'{only}, step=~"$step"'
    return (
        throughput(only, 12),
        durations(only, 12),
        in_flight(by_step, 12),
        oldest(by_step, 12),
        step_p95(by_step, 12),
        compensated_share(only, 12),
    )


MODES: Final = Dashboard(
    "brewsaga-modes",
    "BrewSaga / Choreography against orchestration",
    "One business flow both ways: choreography in the left column, orchestration in the right.",
    (
        ("What differs", (RATIO, MESSAGES)),
        (
            "Choreography, and orchestration beside it",
            tuple(panel for pair in zip(*map(_column, Mode), strict=True) for panel in pair),
        ),
    ),
    VARIABLES,
    CHAOS,
)
