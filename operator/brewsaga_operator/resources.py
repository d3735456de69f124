"""The two resources as people write them: the one source of the CRDs and of what the operator
reads.

A field's bounds are here alone; `crd.py` writes them as a schema, and the API server refuses what
is outside. Every list and string has a maximum, or the server would find the rules too dear. What
compares several fields, or a field with what it was, is a rule (CEL) with a sentence.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

DURATION_LENGTH_MAX: Final = 16
TEXT_MAX: Final = 256
QUERY_MAX: Final = 2_000
NAME_MAX: Final = 63
LOAD_MAX: Final = 5
PROBES_MAX: Final = 10
STEPS: Final = ("payment", "inventory", "shipment", "release", "refund")


def rule(check: str, message: str, **more: str) -> dict[str, str]:
    """One rule of the API server; `more` may be a fieldPath or a messageExpression."""
    return {"rule": check, "message": message, **more}


def between(lowest: str, highest: str, *rules: dict[str, str]) -> dict[str, Any]:
    """The schema of a duration between two bounds."""
    said = f"must be between {lowest} and {highest}, written like 30s, 5m or 1h30m"
    check = f"self >= duration('{lowest}') && self <= duration('{highest}')"
    return {
        "format": "duration",
        "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
        "maxLength": DURATION_LENGTH_MAX,
        "x-kubernetes-validations": [rule(check, said), *rules],
    }


class Resource(BaseModel):
    """What all parts have alike: camelCase outside; unknown fields are the API server's matter."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class SagaMode(StrEnum):
    """The two ways in which a saga runs."""

    CHOREOGRAPHY = "Choreography"
    ORCHESTRATION = "Orchestration"


class Step(StrEnum):
    """Where a per-order fault may strike."""

    PAYMENT = "payment"
    INVENTORY = "inventory"
    SHIPMENT = "shipment"
    RELEASE = "release"
    REFUND = "refund"


class Brew(Resource):
    """What is ordered."""

    drink: Annotated[str, Field(max_length=NAME_MAX, pattern="^[a-z0-9-]*$")] = Field(
        default="", description="Left empty: the house drink."
    )
    quantity: int = Field(default=1, ge=1, le=1_000, description="Cups.")


class StepFault(Resource):
    """A fault that travels with these orders alone and touches nobody else's."""

    step: Step
    fail_percent: int = Field(default=0, ge=0, le=100, description="How often the step fails.")
    delay: str | None = Field(
        default=None,
        description="How long the step's answer is held back.",
        json_schema_extra=between("1ms", "5m"),
    )


Faults = Annotated[
    list[StepFault],
    Field(
        max_length=len(STEPS),
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["step"],
        },
    ),
]


class Order(Resource):
    """What the orders of a resource have alike."""

    mode: SagaMode = Field(description="Who leads: the services by events, or the orchestrator.")
    orders: int = Field(default=1, ge=1, le=10_000, description="How many orders are placed.")
    rate_per_second: float | None = Field(
        default=None, ge=0.001, le=10_000, description="Left out: as fast as it goes."
    )
    brew: Brew = Field(
        default_factory=Brew, description="What is ordered.", json_schema_extra={"default": {}}
    )
    customer: str = Field(default="guest", min_length=1, max_length=TEXT_MAX)
    amount_cents: int | None = Field(
        default=None, ge=1, le=100_000_000, description="Left out: by the price list."
    )
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", max_length=3)] = "EUR"
    faults: Faults = Field(
        default_factory=list,
        description="Faults for these orders alone.",
        json_schema_extra={"default": []},
    )


class FaultType(StrEnum):
    """What an experiment does."""

    FAIL_RATE = "FailRate"
    DELAY = "Delay"
    PAUSE = "Pause"
    DUPLICATE = "Duplicate"
    POISON = "Poison"
    POD_KILL = "PodKill"
    PARTITION = "Partition"
    BROKER_KILL = "BrokerKill"
    DATABASE_KILL = "DatabaseKill"


IN_SERVICE: Final = frozenset(
    {
        FaultType.FAIL_RATE,
        FaultType.DELAY,
        FaultType.PAUSE,
        FaultType.DUPLICATE,
        FaultType.POISON,
    }
)
"""Faults that a service does to itself when it is told, and ends by itself."""


class Peer(StrEnum):
    """What a partition takes away."""

    KAFKA = "Kafka"
    POSTGRES = "Postgres"


class Fault(Resource):
    """One fault; which fields it takes depends on its type."""

    type: FaultType
    percent: int = Field(
        default=100, ge=1, le=100, description="Of sagas (FailRate) or messages that are struck."
    )
    delay: str | None = Field(
        default=None,
        description="Delay alone: how long what the service says is held back.",
        json_schema_extra=between("1ms", "5m"),
    )
    undo: bool = Field(default=False, description="FailRate alone: fail undos and not actions.")
    peer: Peer | None = Field(
        default=None, description="Partition alone: what cannot be reached; left out: both."
    )


class TargetMode(StrEnum):
    """How many of the service's pods are struck."""

    ONE = "One"
    ALL = "All"
    FIXED_PERCENT = "FixedPercent"


class Service(StrEnum):
    """Who can be struck."""

    PAYMENT = "payment"
    INVENTORY = "inventory"
    SHIPMENT = "shipment"
    ORDER = "order"
    ORCHESTRATOR = "orchestrator"


class Target(Resource):
    """Where the fault strikes."""

    service: Service = Field(description="DatabaseKill: the service whose database it is.")
    mode: TargetMode = TargetMode.ONE
    percent: int | None = Field(
        default=None, ge=1, le=100, description="FixedPercent alone: of the service's pods."
    )


class ProbeType(StrEnum):
    """What is asked."""

    INVARIANT = "Invariant"
    PROMQL = "PromQL"


class Probe(Resource):
    """Something that must hold before, while and after the fault is on."""

    name: Annotated[str, Field(max_length=NAME_MAX, pattern="^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    type: ProbeType
    invariant: int | None = Field(
        default=None,
        ge=1,
        le=25,
        description="Invariant alone: its number in the audit; left out: all of them.",
    )
    query: Annotated[str, Field(max_length=QUERY_MAX)] | None = Field(
        default=None, description="PromQL alone: an expression with one value."
    )
    min: float | None = Field(default=None, description="PromQL alone: the value must reach it.")
    max: float | None = Field(default=None, description="PromQL alone: it must not pass it.")
    failure_limit: int = Field(
        default=0, ge=0, le=1_000, description="Measurements out of bounds that are borne."
    )
    error_limit: int = Field(
        default=3, ge=0, le=1_000, description="Measurements in a row that may be missing."
    )


Probes = Annotated[
    list[Probe],
    Field(
        max_length=PROBES_MAX,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    ),
]


class Load(Resource):
    """A BrewSaga that the experiment makes when it begins, and that goes with it."""

    mode: SagaMode
    orders: int = Field(default=100, ge=1, le=10_000)
    rate_per_second: float | None = Field(default=None, ge=0.001, le=10_000)


class Chaos(Resource):
    """An experiment: what is done to whom, for how long, and what must hold all the while."""

    target: Target
    fault: Fault
    duration: str = Field(
        default="30s", description="How long.", json_schema_extra=between("1s", "30m")
    )
    recovery_deadline: str = Field(
        default="60s",
        description="How soon after it every saga must have ended.",
        json_schema_extra=between("1s", "30m"),
    )
    probes: Probes = Field(
        default_factory=lambda: [Probe(name="promises", type=ProbeType.INVARIANT)],
        description="What must hold. Left out: every promise of the audit.",
        json_schema_extra={"default": [{"name": "promises", "type": "Invariant"}]},
    )


class ExperimentSpec(Chaos):
    """A SagaExperiment."""

    load: Annotated[list[Load], Field(max_length=LOAD_MAX)] = Field(
        default_factory=list,
        description="Orders that are placed while the fault is on.",
        json_schema_extra={"default": []},
    )
    abort: bool = Field(default=False, description="End it now: recover, then stop.")


class BrewSagaSpec(Order):
    """A BrewSaga: like a Job, it runs to its end."""

    chaos: Chaos | None = Field(
        default=None,
        description="An experiment around these orders; it needs the right to make one.",
    )
    timeout: str = Field(
        default="15m",
        description="After it the phase is TimedOut; the orders go on.",
        json_schema_extra=between("1s", "24h"),
    )
    ttl_seconds_after_finished: int | None = Field(
        default=None, ge=0, le=31_536_000, description="Left out: it stays."
    )
    cancel: bool = Field(
        default=False, description="Ask every open order to end; the one wish that may change."
    )
