"""Chaos: which fault is on, what the experiments came to, and the business under it."""

from typing import Final

from brewsaga.dashboards.grafana import Dashboard, Panel, Query
from brewsaga.dashboards.questions import (
    CHAOS,
    VARIABLES,
    compensated_share,
    durations,
    in_flight,
    oldest,
    parked,
    throughput,
    violations,
)

ACTIVE: Final = Panel(
    "Faults that are on",
    "Each experiment's faults over time; everything below is to be read against this.",
    "short",
    (
        Query(
            "max by (experiment, fault, target) (brewsaga_chaos_active)",
            "{{experiment}}: {{fault}} on {{target}}",
        ),
    ),
    kind="state-timeline",
    width=16,
)
VERDICTS: Final = Panel(
    "Verdicts",
    "What the experiments came to, since the operator started.",
    "short",
    (
        Query(
            "sum by (fault, verdict) (brewsaga_chaos_experiments_finished_total)",
            "{{fault}}: {{verdict}}",
        ),
    ),
    kind="stat",
    width=4,
)
RECONCILES: Final = Panel(
    "The operator's work",
    "Reconciliations a second, by their result.",
    "ops",
    (
        Query(
            "sum by (result) (rate(brewsaga_operator_reconciles_total[$__rate_interval]))",
            "{{result}}",
        ),
    ),
    width=4,
)

CHAOS_BOARD: Final = Dashboard(
    "brewsaga-chaos",
    "BrewSaga / Chaos",
    "Faults over time, and what the sagas made of them.",
    (
        ("Experiments", (ACTIVE, VERDICTS, RECONCILES)),
        ("What must hold", (violations(), parked(width=10), oldest(width=10))),
        (
            "The business",
            (
                throughput(width=12),
                in_flight(width=12),
                durations(width=12),
                compensated_share(width=12),
            ),
        ),
    ),
    VARIABLES,
    CHAOS,
)
