"""What the operator tells of the two resources, and the rules of conditions. Pure.

A status is facts: what is true now, with numbers. Events expire, so nothing that matters is only an
event.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field, PlainSerializer

from brewsaga_operator.resources import NAME_MAX, PROBES_MAX, TEXT_MAX, Resource

MESSAGE_MAX: Final = 1_024
TARGETS_MAX: Final = 100
UNDO_MAX: Final = 8_192
FAILURES_MAX: Final = 10
STEPS_MAX: Final = 10


def whole_seconds(moment: datetime) -> str:
    """A time as Kubernetes writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Moment = Annotated[datetime, PlainSerializer(whole_seconds)]
Message = Annotated[str, Field(max_length=MESSAGE_MAX)]
Short = Annotated[str, Field(max_length=TEXT_MAX)]


def list_map(key: str) -> dict[str, Any]:
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


class Truth(StrEnum):
    """A condition's status."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Resource):
    """As everywhere in Kubernetes: `kubectl wait --for=condition=…` reads these."""

    type: Short
    status: Truth
    reason: Short
    message: Message = ""
    last_transition_time: Moment
    observed_generation: int = 0


Conditions = Annotated[list[Condition], Field(max_length=10, json_schema_extra=list_map("type"))]


def conditions(
    wanted: Iterable[tuple[str, Truth, str, str]],
    before: Iterable[Condition],
    now: datetime,
    generation: int,
) -> list[Condition]:
    """(type, status, reason, message) as conditions; the time is that of the last change of
    status.
    """
    since = {one.type: (one.status, one.last_transition_time) for one in before}
    found = []
    for kind, status, reason, message in wanted:
        was, changed_at = since.get(kind, (None, now))
        moment = changed_at if was is status else now
        found.append(
            Condition(
                type=kind,
                status=status,
                reason=reason,
                message=message[:MESSAGE_MAX],
                last_transition_time=moment,
                observed_generation=generation,
            )
        )
    return found


class Phase(StrEnum):
    """Where a BrewSaga stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    COMPENSATING = "Compensating"
    COMPLETED = "Completed"
    COMPENSATED = "Compensated"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"


class Counts(Resource):
    """What has become of the orders."""

    running: int = 0
    completed: int = 0
    compensated: int = 0
    rejected: int = 0
    parked: int = 0


class StepStatus(Resource):
    """How one step went."""

    name: Short
    done: int = 0
    refused: int = 0
    compensated: int = 0
    p50_ms: int | None = None
    p99_ms: int | None = None


class FailureStatus(Resource):
    """An order that did not go its way."""

    saga_id: Short
    step: Short
    reason: Message


class SagaStatus(Resource):
    """The status of a BrewSaga."""

    observed_generation: int = 0
    phase: Phase = Phase.PENDING
    current_step: Short | None = None
    start_time: Moment | None = None
    completion_time: Moment | None = None
    duration: Short | None = None
    counts: Counts = Field(default_factory=Counts)
    steps: Annotated[
        list[StepStatus], Field(max_length=STEPS_MAX, json_schema_extra=list_map("name"))
    ] = Field(default_factory=list)
    failures: Annotated[list[FailureStatus], Field(max_length=FAILURES_MAX)] = Field(
        default_factory=list
    )
    verdict: Short | None = None
    conditions: Conditions = Field(default_factory=list)


class ExperimentPhase(StrEnum):
    """Where a SagaExperiment stands."""

    PENDING = "Pending"
    BASELINE = "Baseline"
    INJECTING = "Injecting"
    RUNNING = "Running"
    RECOVERING = "Recovering"
    VERIFYING = "Verifying"
    FINISHED = "Finished"


class Verdict(StrEnum):
    """What the experiment came to."""

    AWAITED = "Awaited"
    PASS = "Pass"  # noqa: S105 - a verdict
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"
    ABORTED = "Aborted"


class TargetState(StrEnum):
    """What is known of one target."""

    NOT_INJECTED = "NotInjected"
    INJECTED = "Injected"
    RECOVERED = "Recovered"
    GONE = "Gone"


class TargetStatus(Resource):
    """One target, with what takes the fault back: written before the fault is put on."""

    name: Annotated[str, Field(max_length=TEXT_MAX)]
    state: TargetState = TargetState.NOT_INJECTED
    injected: bool = False
    undo: Annotated[str, Field(max_length=UNDO_MAX)] = Field(
        description="What takes the fault back, for the operator and for people."
    )
    message: Message = ""


class ProbeStatus(Resource):
    """What was measured of one probe, before, while and after the fault was on."""

    name: Annotated[str, Field(max_length=NAME_MAX)]
    measured: int = 0
    failed: int = 0
    errors: int = 0
    errors_in_a_row: int = 0
    last_value: Short | None = None
    first_failure: Message | None = None
    first_failure_after: Short | None = Field(
        default=None, description="From the injection to the first measurement out of bounds."
    )
    measured_in: Annotated[list[Short], Field(max_length=3)] = Field(
        default_factory=list, description="In which phases it was measured."
    )


class ExperimentStatus(Resource):
    """The status of a SagaExperiment."""

    observed_generation: int = 0
    phase: ExperimentPhase = ExperimentPhase.PENDING
    verdict: Verdict = Verdict.AWAITED
    message: Message = ""
    start_time: Moment | None = None
    injected_time: Moment | None = None
    recovery_time: Moment | None = Field(default=None, description="When it was taken back.")
    completion_time: Moment | None = None
    recovered_after: Short | None = Field(
        default=None, description="From the end of the fault until no saga was open."
    )
    aborted: bool = False
    targets: Annotated[
        list[TargetStatus], Field(max_length=TARGETS_MAX, json_schema_extra=list_map("name"))
    ] = Field(default_factory=list)
    probes: Annotated[
        list[ProbeStatus], Field(max_length=PROBES_MAX, json_schema_extra=list_map("name"))
    ] = Field(default_factory=list)
    conditions: Conditions = Field(default_factory=list)
