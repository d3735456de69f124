"""Questions and panels that several dashboards share, and what can be chosen on each of them."""

from typing import Final

from brewsaga.dashboards.grafana import Panel, Query, Variable
from saga.contract import STEPS

CHAOS: Final = Query(
    "max by (experiment, fault, target) (brewsaga_chaos_active) > 0",
    "{{experiment}}: {{fault}} on {{target}}",
    name="experiments",
)
MODE: Final = Variable("mode", "mode", "query", "label_values(brewsaga_sagas_started_total, mode)")
STEP: Final = Variable("step", "step", "custom", ",".join(step.name for step in STEPS))
SERVICE: Final = Variable(
    "service", "service", "query", "label_values(brewsaga_build_info, service)"
)
VARIABLES: Final = (MODE, STEP, SERVICE)

ANY_MODE: Final = 'mode=~"$mode"'
ANY_STEP: Final = 'mode=~"$mode", step=~"$step"'
ANY_SERVICE: Final = 'service=~"$service"'
RATE: Final = "[$__rate_interval]"


def quantile(share: float, histogram: str, only: str, *by: str) -> str:
    """The share's bound of a histogram's samples, by some of its labels."""
    labels = ", ".join(("le", *by))
    buckets = f"rate({histogram}_bucket{{{only}}}{RATE})"
    return f"histogram_quantile({share:g}, sum by ({labels}) ({buckets}))"


def in_flight(only: str = ANY_STEP, width: int = 8) -> Panel:
    """How many are where."""
    return Panel(
        "In flight per step",
        "Sagas without an end, by the step they are in. What piles up names the service that owes: "
        "inventory in release, payment in refund, else the service of the step's name.",
        "short",
        (
            Query(
                f"max by (mode, step) (brewsaga_sagas_in_flight{{{only}}})",
                "{{mode}} {{step}}",
            ),
        ),
        width=width,
        stacked=True,
    )


def oldest(only: str = ANY_STEP, width: int = 8) -> Panel:
    """How long the oldest is there."""
    age = (
        f"time() - max by (mode, step) (brewsaga_oldest_in_flight_saga_timestamp_seconds{{{only}}})"
    )
    return Panel(
        "Oldest per step",
        "How long the oldest saga in each step is there. Above the line SagaStuck fires. No line: "
        "no saga is in that step.",
        "s",
        (Query(age, "{{mode}} {{step}}"),),
        width=width,
        alarm_above=120,
    )


def step_p95(only: str = ANY_STEP, width: int = 8) -> Panel:
    """Which step is slow."""
    return Panel(
        "p95 per step",
        "95 of 100 answers to a step came within this; only steps that ended are in it.",
        "s",
        (
            Query(
                quantile(0.95, "brewsaga_step_duration_seconds", only, "mode", "step"),
                "{{mode}} {{step}}",
            ),
        ),
        width=width,
    )


def throughput(only: str = ANY_MODE, width: int = 8) -> Panel:
    """What begins and what ends."""
    return Panel(
        "Started and finished a second",
        "Sagas begun, and sagas ended by outcome. The two lie on one another unless sagas pile up.",
        "ops",
        (
            Query(
                f"sum by (mode) (rate(brewsaga_sagas_started_total{{{only}}}{RATE}))",
                "{{mode}} started",
            ),
            Query(
                f"sum by (mode, outcome) (rate(brewsaga_sagas_finished_total{{{only}}}{RATE}))",
                "{{mode}} {{outcome}}",
            ),
        ),
        width=width,
    )


def durations(only: str = ANY_MODE, width: int = 8) -> Panel:
    """From order to end."""
    return Panel(
        "Saga duration",
        "From the order to its recorded end: half, 95 and 99 of 100. A saga that hangs is not in "
        "it: see the oldest per step.",
        "s",
        tuple(
            Query(
                quantile(share, "brewsaga_saga_duration_seconds", only, "mode"),
                f"{{{{mode}}}} p{share * 100:.0f}",
            )
            for share in (0.5, 0.95, 0.99)
        ),
        width=width,
    )


def compensated_share(only: str = ANY_MODE, width: int = 8) -> Panel:
    """How many turn back."""
    ended = "brewsaga_sagas_finished_total"
    label = 'outcome="compensated"'
    return Panel(
        "Compensated share",
        "Of the sagas that ended, how many were undone. It is a good end, and bad business.",
        "percentunit",
        (
            Query(
                f"sum by (mode) (rate({ended}{{{only}, {label}}}{RATE}))"
                f" / sum by (mode) (rate({ended}{{{only}}}{RATE}))",
                "{{mode}}",
            ),
        ),
        width=width,
    )


def parked(only: str = ANY_STEP, width: int = 8) -> Panel:
    """What waits for a person."""
    return Panel(
        "Parked per step",
        "Sagas whose undo was refused again and again and waits for a person: CompensationParked.",
        "short",
        (Query(f"max by (mode, step) (brewsaga_sagas_parked{{{only}}})", "{{mode}} {{step}}"),),
        width=width,
        alarm_above=1,
    )


def violations(only: str = ANY_MODE, width: int = 4) -> Panel:
    """What must stay 0."""
    return Panel(
        "Invariant violations",
        "What the rules exclude: heard since the processes started, and rows that break a promise "
        "now. Anything but 0 is InvariantViolated.",
        "short",
        (
            Query(
                f"sum by (mode, invariant) (brewsaga_invariant_violations_total{{{only}}})",
                "{{mode}} {{invariant}}",
            ),
            Query(
                f"max by (mode, invariant) (brewsaga_invariants_broken{{{only}}})",
                "{{mode}} {{invariant}} now",
            ),
        ),
        kind="stat",
        width=width,
        alarm_above=1,
    )
