"""The register: every metric of the project, declared once, and which service exports which.

A service takes its own with `of`, and counts by the names here, so that no name is written twice;
the loop's own are the kit's (`sagakit.shell.metrics.LOOP`). Dashboards, alerts and documentation
are checked against `EVERY`. No id is ever a label: ids go to logs and traces.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Final

from saga.contract import DATABASES, STEP_NAMES, STEPS, UNDO_NAMES, Mode, Outcome
from sagakit.shell.metrics import LOOP, Declaration, LabelSet

CHOREOGRAPHY: Final = Mode.CHOREO.long
ORCHESTRATION: Final = Mode.ORCH.long
MODES: Final = (CHOREOGRAPHY, ORCHESTRATION)
OUTCOMES: Final = tuple(outcome.value for outcome in Outcome)
STEP_WORDS: Final = tuple(step.name for step in STEPS)

SLO_SECONDS: Final = 30.0
"""99 % of sagas end within this; an edge of the histogram, so that the share is read exactly."""
SAGA_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, SLO_SECONDS, 60.0, 120.0, 300.0)
STEP_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

# ---------------------------------------------------------------- the words of the labels

OK: Final = "ok"
REFUSED: Final = "refused"
STEP_ENDS: Final = (*product(STEP_NAMES, (OK, REFUSED)), *product(UNDO_NAMES, (OK,)))
"""(step, outcome) of what leaves a step; an undo that is refused stays in it."""

SILENCE: Final = "silence"
"""Why something is said again: nothing was heard. `REFUSED`: an undo was refused, or failed."""

ONE_END: Final = "one_end"
START: Final = "START"
"""Where a saga comes from before its first state, in transitions."""

REFUSALS: Final = (
    "card declined",
    "out of stock",
    "no courier capacity",
    "expired",
    "cancelled",
    "void",
    "undone",
)
OTHER: Final = "other"
"""Any reason of a foreign participant's own, and an order out of its bounds: text is no label."""
REASONS: Final = (*(text.replace(" ", "_") for text in REFUSALS), OTHER)


def reason_label(text: str) -> str:
    """The label of a refusal's text."""
    return text.replace(" ", "_") if text in REFUSALS else OTHER


# ---------------------------------------------------------------- the names

SAGAS_STARTED: Final = "sagas_started_total"
SAGAS_FINISHED: Final = "sagas_finished_total"
SAGA_DURATION: Final = "saga_duration_seconds"
SAGAS_IN_FLIGHT: Final = "sagas_in_flight"
SAGAS_PARKED: Final = "sagas_parked"
SAGAS_WITHOUT_DEFINITION: Final = "sagas_without_definition"
OLDEST_IN_FLIGHT: Final = "oldest_in_flight_saga_timestamp_seconds"
STEP_DURATION: Final = "step_duration_seconds"
STEP_RETRIES: Final = "step_retries_total"
TRANSITIONS: Final = "transitions_total"
COMPENSATIONS: Final = "compensations_triggered_total"
VIOLATIONS: Final = "invariant_violations_total"
INVARIANTS_BROKEN: Final = "invariants_broken"
SAGAS_AUDITED: Final = "sagas_audited_total"
CANARY_LAST_END: Final = "canary_last_end_timestamp_seconds"
CHAOS_ACTIVE: Final = "chaos_active"
CHAOS_FINISHED: Final = "chaos_experiments_finished_total"
OPERATOR_RECONCILES: Final = "operator_reconciles_total"

BUSINESS: Final = (
    Declaration(SAGAS_STARTED, "counter", "Sagas begun.", ("mode",)),
    Declaration(
        SAGAS_FINISHED,
        "counter",
        "Sagas that ended consistently, by outcome.",
        ("mode", "outcome"),
    ),
    Declaration(
        SAGA_DURATION,
        "histogram",
        "From the order to its recorded end. What never ends is not in it: see the age gauge.",
        ("mode", "outcome"),
        buckets=SAGA_SECONDS,
    ),
    Declaration(
        SAGAS_IN_FLIGHT,
        "gauge",
        "Sagas without an end, by the step they are in; read it by max.",
        ("mode", "step"),
    ),
    Declaration(
        SAGAS_PARKED,
        "gauge",
        "Sagas whose undo waits for a person; read it by max.",
        ("mode", "step"),
    ),
    Declaration(
        SAGAS_WITHOUT_DEFINITION,
        "gauge",
        "Sagas begun on a version of the flow that this image does not carry: they wait for one"
        " that does. Must read 0; read it by max.",
        ("mode",),
    ),
    Declaration(
        OLDEST_IN_FLIGHT,
        "gauge",
        "When the oldest saga in a step came there; absent while there is none. Read it by max.",
        ("mode", "step"),
    ),
    Declaration(
        STEP_DURATION,
        "histogram",
        "Time in a step until the answer that ended it; in choreography as order heard them.",
        ("mode", "step", "outcome"),
        buckets=STEP_SECONDS,
    ),
    Declaration(
        STEP_RETRIES,
        "counter",
        "Said or tried again: nothing was heard, or an undo was refused.",
        ("mode", "step", "reason"),
    ),
    Declaration(TRANSITIONS, "counter", "Sagas that moved.", ("mode", "source", "target")),
    Declaration(
        COMPENSATIONS,
        "counter",
        "Sagas that turned back: at which step, and why.",
        ("mode", "trigger_step", "reason"),
    ),
    Declaration(
        VIOLATIONS,
        "counter",
        "What the rules exclude was heard: must stay 0.",
        ("mode", "invariant"),
    ),
    Declaration(
        INVARIANTS_BROKEN,
        "gauge",
        "Rows that break a promise, as each service judges its own all the time: must read 0. "
        "Read it by max.",
        ("mode", "invariant"),
    ),
    Declaration(
        SAGAS_AUDITED,
        "counter",
        "Sagas that the live audit has judged; one that judges none proves nothing.",
        ("service",),
    ),
    Declaration(
        CANARY_LAST_END,
        "gauge",
        "When the last canary saga ended; 0: none yet; absent where no canary is placed. "
        "Read it by max.",
        ("mode", "outcome"),
    ),
    Declaration(CHAOS_ACTIVE, "gauge", "Faults that are on.", ("experiment", "fault", "target")),
    Declaration(CHAOS_FINISHED, "counter", "Experiments ended.", ("fault", "verdict")),
    Declaration(OPERATOR_RECONCILES, "counter", "Reconciliations.", ("result",)),
)
EVERY: Final = (*LOOP, *BUSINESS)

RECONCILED: Final = ("written", "unchanged", "failed")
"""What the operator's look at an object came to."""

# ---------------------------------------------------------------- who exports what


def _sets(*labels: Iterable[str]) -> tuple[LabelSet, ...]:
    return tuple(product(*labels))


def _step_ends(mode: str) -> tuple[LabelSet, ...]:
    return tuple((mode, *end) for end in STEP_ENDS)


def _audited(service: str) -> dict[str, tuple[LabelSet, ...]]:
    """Every service judges its own rows. The gauge begins when they are first read."""
    return {INVARIANTS_BROKEN: (), SAGAS_AUDITED: ((service,),)}


EXPORTED: Final[Mapping[str, Mapping[str, tuple[LabelSet, ...]]]] = {
    **{service: _audited(service) for service in DATABASES},
    "order": {
        **_audited("order"),
        SAGAS_STARTED: _sets(MODES),
        SAGAS_FINISHED: _sets(MODES, OUTCOMES),
        SAGA_DURATION: _sets(MODES, OUTCOMES),
        SAGAS_IN_FLIGHT: (),
        OLDEST_IN_FLIGHT: (),
        STEP_DURATION: _step_ends(CHOREOGRAPHY),
        STEP_RETRIES: _sets(MODES, STEP_WORDS, [SILENCE]),
        TRANSITIONS: (),
        COMPENSATIONS: _sets([CHOREOGRAPHY], ["inventory", "shipment"], REASONS),
        VIOLATIONS: _sets([CHOREOGRAPHY], [ONE_END]),
        CANARY_LAST_END: (),
    },
    "orchestrator": {
        **_audited("orchestrator"),
        SAGAS_IN_FLIGHT: (),
        SAGAS_PARKED: (),
        SAGAS_WITHOUT_DEFINITION: (),
        OLDEST_IN_FLIGHT: (),
        STEP_DURATION: _step_ends(ORCHESTRATION),
        STEP_RETRIES: (
            *_sets([ORCHESTRATION], STEP_WORDS, [SILENCE]),
            *_sets([ORCHESTRATION], UNDO_NAMES, [REFUSED]),
        ),
        TRANSITIONS: (),
        COMPENSATIONS: _sets([ORCHESTRATION], STEP_NAMES, REASONS),
    },
    "operator": {
        CHAOS_ACTIVE: (),
        CHAOS_FINISHED: (),
        OPERATOR_RECONCILES: _sets(RECONCILED),
    },
    "payment": {
        **_audited("payment"),
        SAGAS_PARKED: (),
        STEP_RETRIES: _sets([CHOREOGRAPHY], ["refund"], [REFUSED]),
    },
    "inventory": {
        **_audited("inventory"),
        SAGAS_PARKED: (),
        STEP_RETRIES: _sets([CHOREOGRAPHY], ["release"], [REFUSED]),
    },
}
"""Each service's metrics beyond the loop's, with the label sets that it alone begins at 0.

A service that is not named counts nothing of its own.

The beginning and the end of every saga are order's, so that none is counted twice; a step, a
transition and a compensation are counted where the saga's state is: order in choreography, the
orchestrator in orchestration. What is parked in choreography only the owing participant knows.
A gauge of the database begins when it is first read: a 0 that nobody has read would be a claim.
"""


def of(
    service: str, known: Mapping[str, Iterable[LabelSet]] | None = None
) -> tuple[Declaration, ...]:
    """What `service` exports; `known` adds label sets that only the service itself can list."""
    declared = {declaration.name: declaration for declaration in BUSINESS}
    more = known or {}
    return tuple(
        replace(declared[name], known=(*sets, *more.get(name, ())))
        for name, sets in EXPORTED[service].items()
    )
