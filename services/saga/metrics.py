"""Every metric that a service may export, declared once as plain data, the loop's own among them.

Dashboards, alerts and their documentation are checked against `EVERY`. A service passes `BUSINESS`
in its `ServiceSpec`. No id is ever a label: ids go to logs and traces.
"""

from itertools import product
from typing import Final

from saga.contract import STEPS, Mode, Outcome
from sagakit.shell.metrics import LOOP, Declaration

MODES: Final = tuple(mode.long for mode in Mode)
OUTCOMES: Final = tuple(outcome.value for outcome in Outcome)
STEP_WORDS: Final = tuple(step.name for step in STEPS)

SLO_SECONDS: Final = 30.0
"""99 % of sagas end within this; an edge of the histogram, so that the share is read exactly."""
SAGA_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, SLO_SECONDS, 60.0, 120.0, 300.0)
STEP_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

_MODE: Final = tuple((mode,) for mode in MODES)
_MODE_OUTCOME: Final = tuple(product(MODES, OUTCOMES))
_MODE_STEP: Final = tuple(product(MODES, STEP_WORDS))

BUSINESS: Final = (
    Declaration("sagas_started_total", "counter", "Sagas begun.", ("mode",), known=_MODE),
    Declaration(
        "sagas_finished_total",
        "counter",
        "Sagas that ended consistently, by outcome.",
        ("mode", "outcome"),
        known=_MODE_OUTCOME,
    ),
    Declaration(
        "saga_duration_seconds",
        "histogram",
        "From the order to the end. What never ends is not in it: see the age gauge.",
        ("mode", "outcome"),
        buckets=SAGA_SECONDS,
        known=_MODE_OUTCOME,
    ),
    Declaration(
        "sagas_in_flight",
        "gauge",
        "Sagas without an end, by the step they are in; read it by max.",
        ("mode", "step"),
        known=_MODE_STEP,
    ),
    Declaration(
        "sagas_parked",
        "gauge",
        "Sagas whose undo waits for a person; read it by max.",
        ("mode", "step"),
        known=_MODE_STEP,
    ),
    Declaration(
        "oldest_in_flight_saga_timestamp_seconds",
        "gauge",
        "When the oldest saga in a step came there; absent while there is none.",
        ("mode", "step"),
    ),
    Declaration(
        "step_duration_seconds",
        "histogram",
        "Time in a step.",
        ("mode", "step", "outcome"),
        buckets=STEP_SECONDS,
    ),
    Declaration("step_retries_total", "counter", "A step said again.", ("mode", "step", "reason")),
    Declaration("transitions_total", "counter", "Sagas that moved.", ("mode", "source", "target")),
    Declaration(
        "compensations_triggered_total",
        "counter",
        "Sagas that turned back.",
        ("mode", "trigger_step", "reason"),
    ),
    Declaration(
        "invariant_violations_total",
        "counter",
        "What the rules exclude was heard: must stay 0.",
        ("mode", "invariant"),
        known=tuple((mode, "one_end") for mode in MODES),
    ),
    Declaration(
        "store_collect_errors_total", "counter", "Gauges that could not be read.", ("service",)
    ),
    Declaration(
        "canary_last_end_timestamp_seconds",
        "gauge",
        "When the last canary saga ended.",
        ("mode", "outcome"),
    ),
    Declaration("chaos_active", "gauge", "Faults that are on.", ("experiment", "fault", "target")),
    Declaration(
        "chaos_experiments_finished_total", "counter", "Experiments ended.", ("fault", "verdict")
    ),
    Declaration("operator_reconciles_total", "counter", "Reconciliations.", ("result",)),
    Declaration("build_info", "gauge", "What runs here.", ("service", "version", "revision")),
)

EVERY: Final = (*LOOP, *BUSINESS)
