"""Sagas per step: the first picture, from which whoever is woken sees which step owes."""

from typing import Final

from brewsaga.dashboards.grafana import Dashboard, Panel, Query
from brewsaga.dashboards.questions import (
    ANY_MODE,
    ANY_STEP,
    CHAOS,
    RATE,
    VARIABLES,
    compensated_share,
    durations,
    in_flight,
    oldest,
    parked,
    step_p95,
    throughput,
    violations,
)

_MOVES: Final = f"rate(brewsaga_transitions_total{{{ANY_MODE}}}{RATE})"
_STARTS: Final = f'rate(brewsaga_transitions_total{{{ANY_MODE}, source="START"}}{RATE})'

FLOW: Final = Panel(
    "Saga flow",
    "Sagas a second from state to state: forwards to DONE/SUCCESS, and back by the compensations.",
    "ops",
    (
        Query(
            f'sum by (id) (label_replace({_MOVES}, "id", "$1", "target", "(.+)"))'
            f' or sum by (id) (label_replace({_STARTS}, "id", "$1", "source", "(.+)"))',
            shape="table",
            name="nodes",
        ),
        Query(
            f'label_join(sum by (source, target) ({_MOVES}), "id", " > ", "source", "target")',
            shape="table",
            name="edges",
        ),
    ),
    kind="nodeGraph",
    width=12,
    rename=(("^Value.*", "mainstat"),),
)
TIME_IN_STEP: Final = Panel(
    "Time in step",
    "How long sagas stayed in the chosen steps until the answer that ended them.",
    "s",
    (
        Query(
            f"sum by (le) (increase(brewsaga_step_duration_seconds_bucket{{{ANY_STEP}}}{RATE}))",
            "{{le}}",
            shape="heatmap",
        ),
    ),
    kind="heatmap",
)
CONSISTENT: Final = Panel(
    "Ended consistently",
    "Finished of what was started, whatever the outcome: completed, rejected and compensated are "
    "good ends. Below 1 sagas pile up.",
    "percentunit",
    (
        Query(
            f"sum by (mode) (rate(brewsaga_sagas_finished_total{{{ANY_MODE}}}{RATE}))"
            f" / sum by (mode) (rate(brewsaga_sagas_started_total{{{ANY_MODE}}}{RATE}))",
            "{{mode}}",
        ),
    ),
    kind="stat",
    width=4,
)
DELIVERED: Final = Panel(
    "Delivered",
    "Of the sagas that ended, how many reached the guest.",
    "percentunit",
    (
        Query(
            "sum by (mode) (rate(brewsaga_sagas_finished_total"
            f'{{{ANY_MODE}, outcome="completed"}}{RATE}))'
            f" / sum by (mode) (rate(brewsaga_sagas_finished_total{{{ANY_MODE}}}{RATE}))",
            "{{mode}}",
        ),
    ),
    kind="stat",
    width=4,
)
TRIGGERS: Final = Panel(
    "What triggers compensation",
    "Sagas that turned back: at which step, and why.",
    "ops",
    (
        Query(
            "sum by (trigger_step, reason) (rate(brewsaga_compensations_triggered_total"
            f"{{{ANY_MODE}}}{RATE})) > 0",
            "{{trigger_step}}: {{reason}}",
        ),
    ),
    width=12,
    stacked=True,
)
RETRIES: Final = Panel(
    "Retries",
    "Said or tried again: nothing was heard (silence), or an undo was refused.",
    "ops",
    (
        Query(
            f"sum by (mode, step, reason) (rate(brewsaga_step_retries_total{{{ANY_STEP}}}{RATE}))",
            "{{mode}} {{step}} {{reason}}",
        ),
    ),
    width=12,
)
BURN: Final = Panel(
    "Error-budget burn",
    "How many times faster than allowed the budget is used: 1 % of the sagas that are started may "
    "have no end within 30 s. Above 14.4 ErrorBudgetBurnFast fires. Needs the recorded rules.",
    "none",
    tuple(
        Query(
            f"mode:brewsaga_sagas_late:ratio_rate{window}{{{ANY_MODE}}} / 0.01",
            f"{{{{mode}}}} over {window}",
        )
        for window in ("5m", "1h")
    ),
    alarm_above=14.4,
)

OVERVIEW: Final = Dashboard(
    "brewsaga-sagas",
    "BrewSaga / Sagas per step",
    "Where the sagas of both modes are, which step is slow, and who owes the next answer.",
    (
        ("Who owes", (in_flight(), oldest(), step_p95())),
        ("Is it well", (CONSISTENT, DELIVERED, violations(), parked(width=4), throughput())),
        ("How long", (TIME_IN_STEP, durations(), BURN)),
        ("What turns back", (FLOW, TRIGGERS, compensated_share(width=12), RETRIES)),
    ),
    VARIABLES,
    CHAOS,
)
