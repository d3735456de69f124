"""Who says what, who hears it, and on which topic: the one list that everything else derives from.

Subscriptions, topic creation, consumer groups, the drawn graph and the vocabulary of steps and ends
come from here. A leaf: it imports nothing of the project, so that every service, the chart's
generator and the tests may read it. Source of every name: the contract (10). It must not know how a
participant decides.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

PARTITIONS: Final = 3
"""Partitions of every topic on one machine; all topics of a mode have the same number, the key is
the saga id.
"""

DEFAULT_TOPIC_PREFIX: Final = "saga-"
HOUSE_DRINK: Final = "espresso"
"""The drink that is meant where a message names none (a foreign participant drops the added
fields).
"""

AUDIT_GROUP: Final = "audit-reads-and-joins-nothing"
"""The audit joins no group and stores no offset, but the client library asks for the coordinator of
one: with the prefix before it, as all groups.
"""

SAGA_ID_PATTERN: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


class Mode(StrEnum):
    """The two ways in which a saga runs. The value is the short form of topics, commands and
    database rows.
    """

    CHOREO = "choreo"
    ORCH = "orch"

    @property
    def long(self) -> Literal["choreography", "orchestration"]:
        """The form that metrics and the HTTP API use."""
        return "choreography" if self is Mode.CHOREO else "orchestration"

    @classmethod
    def parse(cls, text: str) -> "Mode":
        """Read any of the three written forms (`choreo`, `choreography`, `Choreography`). Raises
        ValueError.
        """
        for mode in cls:
            if text.lower() in (mode.value, mode.long):
                return mode
        message = f"mode is {text!r}; it must be choreo or orch (choreography, orchestration)"
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its name after the prefix, the protobuf message in it, who says it and who hears
    it.
    """

    name: str
    message: str
    said_by: str
    heard_by: tuple[str, ...]

    @property
    def mode(self) -> Mode:
        """The mode is the first part of the name."""
        return Mode(self.name.partition(".")[0])

    @property
    def event(self) -> str:
        """The name without its mode, as the timeline prints it: `payment-completed`."""
        return self.name.partition(".")[2]


ORDER_REQUESTED: Final = Topic(
    "choreo.order-requested", "OrderRequested", "order", ("payment", "order")
)
PAYMENT_COMPLETED: Final = Topic(
    "choreo.payment-completed", "PaymentCompleted", "payment", ("inventory", "order")
)
PAYMENT_FAILED: Final = Topic("choreo.payment-failed", "PaymentFailed", "payment", ("order",))
PAYMENT_REFUNDED: Final = Topic("choreo.payment-refunded", "PaymentRefunded", "payment", ("order",))
INVENTORY_RESERVED: Final = Topic(
    "choreo.inventory-reserved", "InventoryReserved", "inventory", ("shipment", "order")
)
INVENTORY_FAILED: Final = Topic(
    "choreo.inventory-failed", "InventoryFailed", "inventory", ("payment", "order")
)
INVENTORY_RELEASED: Final = Topic(
    "choreo.inventory-released", "InventoryReleased", "inventory", ("payment", "order")
)
SHIPMENT_SCHEDULED: Final = Topic(
    "choreo.shipment-scheduled", "ShipmentScheduled", "shipment", ("order",)
)
SHIPMENT_FAILED: Final = Topic(
    "choreo.shipment-failed", "ShipmentFailed", "shipment", ("inventory", "order")
)
PLACE_ORDER: Final = Topic("orch.place-order", "PlaceOrder", "order", ("orchestrator",))
PAYMENT_COMMAND: Final = Topic("orch.payment-cmd", "PaymentCommand", "orchestrator", ("payment",))
PAYMENT_REPLY: Final = Topic("orch.payment-reply", "PaymentReply", "payment", ("orchestrator",))
INVENTORY_COMMAND: Final = Topic(
    "orch.inventory-cmd", "InventoryCommand", "orchestrator", ("inventory",)
)
INVENTORY_REPLY: Final = Topic(
    "orch.inventory-reply", "InventoryReply", "inventory", ("orchestrator",)
)
SHIPMENT_COMMAND: Final = Topic(
    "orch.shipment-cmd", "ShipmentCommand", "orchestrator", ("shipment",)
)
SHIPMENT_REPLY: Final = Topic("orch.shipment-reply", "ShipmentReply", "shipment", ("orchestrator",))

TOPICS: Final = (
    ORDER_REQUESTED,
    PAYMENT_COMPLETED,
    PAYMENT_FAILED,
    PAYMENT_REFUNDED,
    INVENTORY_RESERVED,
    INVENTORY_FAILED,
    INVENTORY_RELEASED,
    SHIPMENT_SCHEDULED,
    SHIPMENT_FAILED,
    PLACE_ORDER,
    PAYMENT_COMMAND,
    PAYMENT_REPLY,
    INVENTORY_COMMAND,
    INVENTORY_REPLY,
    SHIPMENT_COMMAND,
    SHIPMENT_REPLY,
)
TOPIC_BY_NAME: Final = {topic.name: topic for topic in TOPICS}


def heard_by(service: str, mode: Mode) -> tuple[Topic, ...]:
    """What `service` subscribes to in `mode`, in the order of the contract."""
    return tuple(t for t in TOPICS if t.mode is mode and service in t.heard_by)


def said_by(service: str, mode: Mode) -> tuple[Topic, ...]:
    """What `service` says in `mode`, dead letters left out."""
    return tuple(t for t in TOPICS if t.mode is mode and t.said_by == service)


def consumer_group(prefix: str, service: str, mode: Mode) -> str:
    """`{prefix}{service}-{choreo|orch}`: one group a service and mode."""
    return f"{prefix}{service}-{mode.value}"


def dead_letter_topic(prefix: str, service: str, mode: Mode) -> str:
    """The topic that mirrors the dead letters of one consumer group."""
    return f"{prefix}dlq.{service}-{mode.value}"


def all_topics(prefix: str) -> list[str]:
    """Every topic of both modes, dead letters included, with the prefix: what must be created."""
    return [prefix + topic.name for topic in TOPICS] + [
        dead_letter_topic(prefix, service, mode) for service, mode in _hearers()
    ]


def all_groups(prefix: str) -> list[str]:
    """Every consumer group of both modes, with the prefix."""
    return [consumer_group(prefix, service, mode) for service, mode in _hearers()]


def _hearers() -> list[tuple[str, Mode]]:
    return sorted({(hearer, topic.mode) for topic in TOPICS for hearer in topic.heard_by})


class Outcome(StrEnum):
    """How a saga ended, as metrics, counts and the API say it."""

    COMPLETED = "completed"
    REJECTED = "rejected"
    COMPENSATED = "compensated"


@dataclass(frozen=True, slots=True)
class StepWord:
    """One row of the vocabulary of steps: the same place of a saga in the words of both modes.

    `reference` is what the id of the step's work is called in messages and tables; an undo, which
    makes nothing new, has none.
    """

    name: str
    current_step: str
    reached_by: tuple[Topic, ...]
    owed_by: str
    reference: str = ""


STEPS: Final = (
    StepWord("payment", "AWAITING_PAYMENT", (ORDER_REQUESTED,), "payment", "payment_id"),
    StepWord(
        "inventory", "AWAITING_INVENTORY", (PAYMENT_COMPLETED,), "inventory", "reservation_id"
    ),
    StepWord("shipment", "AWAITING_SHIPMENT", (INVENTORY_RESERVED,), "shipment", "shipment_id"),
    StepWord("release", "COMPENSATING_INVENTORY", (SHIPMENT_FAILED,), "inventory"),
    StepWord("refund", "COMPENSATING_PAYMENT", (INVENTORY_FAILED, INVENTORY_RELEASED), "payment"),
)
"""In the order in which a saga passes them: a later row is further (choreography's current
step).
"""

STEP_BY_STATE: Final = {word.current_step: word for word in STEPS}
STEP_NAMES: Final = tuple(word.name for word in STEPS if word.reference)
UNDO_NAMES: Final = tuple(word.name for word in STEPS if not word.reference)
PARTICIPANTS: Final = tuple(dict.fromkeys(word.owed_by for word in STEPS))
DATABASES: Final = (*PARTICIPANTS, "order", "orchestrator")
"""The services that own a database (and a role) of their own: all of them."""
