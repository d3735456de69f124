"""What an experiment may do, what was measured, and what it came to: pure, without a clock.

A verdict is never better than what was seen. Pass needs every probe measured before, while and
after the fault was on, none out of its limits, every target recovered and no saga open; what could
not be seen is Inconclusive and no success.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, isfinite
from typing import Final, NamedTuple

from brewsaga_operator import duration
from brewsaga_operator.names import CHAOS_ALLOWED, CHAOS_LABEL
from brewsaga_operator.resources import ExperimentSpec, FaultType, Probe, Target, TargetMode
from brewsaga_operator.statuses import (
    MESSAGE_MAX,
    ExperimentPhase,
    ExperimentStatus,
    ProbeStatus,
    TargetState,
    Truth,
    Verdict,
    conditions,
)

MEASURED: Final = (ExperimentPhase.BASELINE, ExperimentPhase.RUNNING, ExperimentPhase.VERIFYING)
"""Before, while and after."""
OPEN_NAMED_MAX: Final = 3
TAKEN_BACK: Final = frozenset({TargetState.RECOVERED, TargetState.GONE})


class Experiment(NamedTuple):
    """A SagaExperiment as it was last seen."""

    name: str
    namespace: str
    uid: str
    generation: int
    created_at: datetime
    spec: ExperimentSpec
    status: ExperimentStatus


# ---------------------------------------------------------------- whether it may


@dataclass(frozen=True, slots=True)
class Rails:
    """What the installation allows."""

    enabled: bool
    broker_kill: bool
    database_kill: bool


def refusal(spec: ExperimentSpec, rails: Rails, labels: Mapping[str, str]) -> str | None:
    """Why it is not run at all, with the next step, or None. `labels` are the namespace's."""
    fault = spec.fault.type
    if not rails.enabled:
        return "experiments are switched off: install with operator.chaos.enabled=true"
    if labels.get(CHAOS_LABEL) != CHAOS_ALLOWED:
        return (
            "the namespace has not opted in: "
            f"kubectl label namespace NAME {CHAOS_LABEL}={CHAOS_ALLOWED}"
        )
    if fault is FaultType.BROKER_KILL and not rails.broker_kill:
        return "BrokerKill is switched off: install with operator.chaos.brokerKill=true"
    if fault is FaultType.DATABASE_KILL and not rails.database_kill:
        return "DatabaseKill is switched off: install with operator.chaos.databaseKill=true"
    return None


class Rival(NamedTuple):
    """Another experiment, by which turns are taken."""

    created_at: datetime
    name: str
    uid: str
    phase: ExperimentPhase


def goes_first(uid: str, rivals: Iterable[Rival]) -> str | None:
    """Who must end before this one may begin, by name; None where it is its turn.

    One at a time: whoever has begun, else the oldest.
    """
    waiting = [one for one in rivals if one.phase is not ExperimentPhase.FINISHED]
    begun = [one for one in waiting if one.phase is not ExperimentPhase.PENDING]
    if not waiting:
        return None
    first = min(begun or waiting)
    return None if first.uid == uid else first.name


def choose(names: Sequence[str], target: Target) -> list[str]:
    """Which of the opted-in targets are struck, always the same ones."""
    ordered = sorted(names)
    match target.mode:
        case TargetMode.ONE:
            return ordered[:1]
        case TargetMode.ALL:
            return ordered
        case TargetMode.FIXED_PERCENT:
            return ordered[: ceil(len(ordered) * (target.percent or 0) / 100)]


# ---------------------------------------------------------------- what was measured


class Measurement(NamedTuple):
    """One look at a probe: a value that holds, what is wrong with it, or why there is none."""

    value: str = ""
    failure: str | None = None
    error: str | None = None


def judged(probe: Probe, value: float) -> Measurement:
    """A PromQL probe's value against its bounds."""
    if not isfinite(value):
        return Measurement(error=f"the value is {value}")
    shown = f"{value:g}"
    if probe.min is not None and value < probe.min:
        return Measurement(shown, f"the value is {shown}, at least {probe.min:g} is needed")
    if probe.max is not None and value > probe.max:
        return Measurement(shown, f"the value is {shown}, at most {probe.max:g} is allowed")
    return Measurement(shown)


def noted(
    before: ProbeStatus, seen: Measurement, phase: ExperimentPhase, after: timedelta | None
) -> ProbeStatus:
    """The probe's record with one more look; `after` is since the injection, None before it."""
    if seen.error is not None:
        return before.model_copy(
            update={
                "errors": before.errors + 1,
                "errors_in_a_row": before.errors_in_a_row + 1,
                "last_value": f"error: {seen.error}"[:250],
            }
        )
    phases = [*before.measured_in, *([] if phase in before.measured_in else [phase.value])]
    news: dict[str, object] = {
        "measured": before.measured + 1,
        "errors_in_a_row": 0,
        "last_value": seen.value[:250],
        "measured_in": phases,
    }
    if seen.failure is not None:
        news["failed"] = before.failed + 1
        if before.first_failure is None:
            news["first_failure"] = seen.failure[:MESSAGE_MAX]
            news["first_failure_after"] = None if after is None else duration.told(after)
    return before.model_copy(update=news)


def broken(spec: ExperimentSpec, probes: Iterable[ProbeStatus]) -> str | None:
    """The first probe with more failures than it bears, with its numbers."""
    limits = {one.name: one.failure_limit for one in spec.probes}
    for one in probes:
        if one.failed > limits[one.name]:
            return (
                f"probe {one.name} failed {one.failed} of {one.measured} times "
                f"({limits[one.name]} allowed), first: {one.first_failure}"
            )
    return None


def blind(spec: ExperimentSpec, probes: Iterable[ProbeStatus]) -> str | None:
    """The first probe whose source was out of reach for too long."""
    limits = {one.name: one.error_limit for one in spec.probes}
    for one in probes:
        if one.errors_in_a_row > limits[one.name]:
            return (
                f"probe {one.name} could not be measured {one.errors_in_a_row} times in a row "
                f"({limits[one.name]} allowed), last: {one.last_value}"
            )
    return None


def unseen(probes: Iterable[ProbeStatus]) -> str | None:
    """The first probe that lacks a measurement before, while or after."""
    for one in probes:
        lacking = [phase.value for phase in MEASURED if phase.value not in one.measured_in]
        if lacking:
            return f"probe {one.name} was never measured in phase {', '.join(lacking)}"
    return None


# ---------------------------------------------------------------- what it came to


class End(NamedTuple):
    """A verdict with the sentence that gives its numbers."""

    verdict: Verdict
    message: str


def verdict(
    spec: ExperimentSpec, status: ExperimentStatus, open_sagas: Sequence[str] | None
) -> End:
    """What is to be said at the end. `open_sagas` None: the order service could not say."""
    if status.aborted:
        return End(Verdict.ABORTED, f"aborted; {_targets_told(status)}")
    spared = next((one for one in status.targets if not one.injected), None)
    if spared is not None:
        return End(Verdict.ERROR, f"{spared.name} could not be struck: {spared.message}")
    failure = broken(spec, status.probes) or _open_told(spec, open_sagas) or _left_on(status)
    if failure is not None:
        return End(Verdict.FAIL, failure)
    doubt = blind(spec, status.probes) or unseen(status.probes)
    if doubt is None and open_sagas is None:
        doubt = "the order service could not say whether a saga is open"
    if doubt is not None:
        return End(Verdict.INCONCLUSIVE, doubt)
    looks = sum(one.measured for one in status.probes)
    borne = sum(one.failed for one in status.probes)
    return End(
        Verdict.PASS,
        f"{len(status.probes)} probes, {looks} measurements, {borne} out of bounds; "
        f"{_targets_told(status)}; no saga open {status.recovered_after or '0.0s'} after the fault",
    )


def _open_told(spec: ExperimentSpec, open_sagas: Sequence[str] | None) -> str | None:
    if not open_sagas:
        return None
    named = ", ".join(open_sagas[:OPEN_NAMED_MAX])
    return (
        f"{len(open_sagas)} sagas open {spec.recovery_deadline} after the fault, among them {named}"
    )


def _left_on(status: ExperimentStatus) -> str | None:
    left = [one.name for one in status.targets if one.state not in TAKEN_BACK]
    return f"not recovered: {', '.join(left)}" if left else None


def _targets_told(status: ExperimentStatus) -> str:
    taken_back = sum(one.state in TAKEN_BACK for one in status.targets)
    return f"{taken_back} of {len(status.targets)} targets recovered"


def with_conditions(
    experiment: Experiment, status: ExperimentStatus, now: datetime
) -> ExperimentStatus:
    """The status with its six conditions, which follow from the rest of it."""
    told = conditions(
        _conditions(experiment.spec, status),
        experiment.status.conditions,
        now,
        experiment.generation,
    )
    return status.model_copy(
        update={"conditions": told, "observed_generation": experiment.generation}
    )


def _conditions(
    spec: ExperimentSpec, status: ExperimentStatus
) -> list[tuple[str, Truth, str, str]]:
    order = list(ExperimentPhase)
    at = order.index(status.phase)
    reached = {phase: at >= order.index(phase) for phase in order}
    is_over = status.phase is ExperimentPhase.FINISHED
    injected = bool(status.targets) and all(one.injected for one in status.targets)
    recovered = injected and all(one.state in TAKEN_BACK for one in status.targets)
    before = _seen_in(status, ExperimentPhase.BASELINE)
    after = _seen_in(status, ExperimentPhase.VERIFYING)
    failing = broken(spec, status.probes)
    held = is_over and status.verdict is Verdict.PASS

    def truth(holds: bool, *, decided: bool) -> Truth:  # noqa: FBT001 - a truth is a boolean
        return Truth.TRUE if holds else (Truth.FALSE if decided else Truth.UNKNOWN)

    return [
        (
            "SteadyStateBefore",
            truth(before and bool(status.targets), decided=is_over),
            "Measured" if before else "NotMeasured",
            "",
        ),
        (
            "TargetsSelected",
            truth(bool(status.targets), decided=is_over),
            "Selected" if status.targets else "NoTarget",
            f"{len(status.targets)} targets",
        ),
        ("AllInjected", truth(injected, decided=is_over), status.phase.value, ""),
        (
            "AllRecovered",
            truth(recovered, decided=is_over or reached[ExperimentPhase.VERIFYING]),
            status.phase.value,
            _left_on(status) or "",
        ),
        (
            "SteadyStateAfter",
            truth(after and failing is None and held, decided=is_over),
            "Measured" if after else "NotMeasured",
            failing or "",
        ),
        (
            "Complete",
            Truth.TRUE if is_over else Truth.FALSE,
            status.verdict.value,
            status.message,
        ),
    ]


def _seen_in(status: ExperimentStatus, phase: ExperimentPhase) -> bool:
    return bool(status.probes) and all(phase.value in one.measured_in for one in status.probes)
