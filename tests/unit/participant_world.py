"""A participant without a database: bytes in, bytes out, for the suite that tries every cell."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from google.protobuf.message import Message

from inventory.domain import Shelf
from inventory.wire import InventoryWire
from payment.domain import Cashier
from payment.wire import PaymentWire
from saga import contract
from saga.terms import Terms
from saga.v1 import saga_pb2
from saga.v1.saga_pb2 import (
    InventoryCommand,
    InventoryReleased,
    InventoryReserved,
    OrderRequested,
    PaymentCommand,
    PaymentCompleted,
    ShipmentCommand,
    ShipmentFailed,
)
from sagakit.core.chance import Odds
from sagakit.core.fold import Folded, fold
from sagakit.core.participant import Ask, Heard, Outcome, Row
from shipment.domain import Dispatcher
from shipment.wire import ShipmentWire

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SAGA = "saga-1"
UNDO_STEPS = {"payment": "refund", "inventory": "release", "shipment": ""}
WIRES: dict[str, Any] = {
    "payment": PaymentWire,
    "inventory": InventoryWire,
    "shipment": ShipmentWire,
}
PLENTY = {"beans": 10**6, "milk": 10**6, "cups": 10**6, "geisha-beans": 10**6}


@dataclass
class World:
    """One participant with its memory and its resources; the only thing it lacks is a database."""

    service: str
    rows: dict[str, Row[Terms]] = field(default_factory=dict)
    effects: list[Any] = field(default_factory=list)
    undo_fail_rate: float = 0.0
    park_after_attempts: int = 10
    now: datetime = NOW
    numbers: Any = field(default_factory=lambda: count(1))
    stock: dict[str, int] = field(default_factory=lambda: dict(PLENTY))
    held: dict[str, Any] = field(default_factory=dict)
    couriers: Sequence[str] = ("ada", "grace")

    @property
    def odds(self) -> Odds:
        undo_step = UNDO_STEPS[self.service]
        return Odds(self.service, undo_step, "seed", 0.0, self.undo_fail_rate, faults_enabled=True)

    def judge(self) -> Any:
        new_reference = lambda: f"id-{next(self.numbers)}"  # noqa: E731
        match self.service:
            case "payment":
                return Cashier(self.now, self.odds, new_reference)
            case "inventory":
                return Shelf(self.now, self.odds, new_reference, self.stock, self.held)
            case _:
                return Dispatcher(self.now, self.odds, new_reference, self.couriers)

    def fold(self, heard: Sequence[Heard[Terms]]) -> Folded[Terms, Any]:
        folded = fold(heard, self.rows, self.judge(), self.now, self.park_after_attempts)
        for saga_id, row in folded.changed.items():
            self.rows[saga_id] = row._replace(version=row.version + 1)
        self.effects += folded.effects
        return folded

    def hear(self, *messages: Message) -> list[Any]:
        """Tell it these in one batch; what it says."""
        wire = WIRES[self.service](self.odds)
        return self.said(
            self.fold([wire.read(topic_of(m), m.SerializeToString()) for m in messages])
        )

    def insist(self) -> list[Any]:
        """Its own timer, as the shell runs it."""
        owed = [row for row in self.rows.values() if row.outcome is Outcome.OWED and not row.parked]
        return self.said(
            self.fold([Heard(r.saga_id, r.mode, Ask.INSIST, r.terms, r.reason) for r in owed])
        )

    def said(self, folded: Folded[Terms, Any]) -> list[Any]:
        wire = WIRES[self.service](self.odds)
        messages: list[Any] = []
        for answer in folded.answers:
            said = wire.say(answer.row, answer.speech)
            assert contract.TOPIC_BY_NAME[said.topic].message == said.type
            messages.append(getattr(saga_pb2, said.type).FromString(said.payload))
        return messages

    @property
    def outcome(self) -> Outcome | None:
        row = self.rows.get(SAGA)
        return None if row is None else row.outcome


def topic_of(message: Message) -> str:
    (topic,) = (t.name for t in contract.TOPICS if t.message == message.DESCRIPTOR.name)
    return topic


TERMS: dict[str, Any] = {"drink": "espresso", "quantity": 2}
LATE_DEADLINE = NOW - timedelta(seconds=1)


def do(service: str, mode: str, **changes: Any) -> Any:
    fields = {"saga_id": SAGA, **TERMS, **changes}
    if service == "payment":
        fields = {"amount_cents": 500, "currency": "EUR", **fields}
    match service, mode:
        case "payment", "choreo":
            return OrderRequested(**fields)
        case "inventory", "choreo":
            return PaymentCompleted(**fields)
        case "shipment", "choreo":
            return InventoryReserved(**fields)
        case "payment", _:
            return PaymentCommand(action="PAYMENT_ACTION_AUTHORIZE", **fields)
        case "inventory", _:
            return InventoryCommand(action="INVENTORY_ACTION_RESERVE", **fields)
        case _:
            return ShipmentCommand(action="SHIPMENT_ACTION_SCHEDULE", **fields)


def undo(service: str, mode: str) -> Any:
    match service, mode:
        case "payment", "choreo":
            return InventoryReleased(saga_id=SAGA, reason="no courier capacity")
        case "inventory", "choreo":
            return ShipmentFailed(saga_id=SAGA, reason="no courier capacity")
        case "payment", _:
            return PaymentCommand(saga_id=SAGA, action="PAYMENT_ACTION_REFUND")
        case _:
            return InventoryCommand(saga_id=SAGA, action="INVENTORY_ACTION_RELEASE")


def reach(service: str, mode: str, state: Outcome | None) -> World:
    """A participant in this state, brought there by messages alone."""
    world = World(service)
    match state:
        case None:
            return world
        case Outcome.DONE:
            world.hear(do(service, mode))
        case Outcome.REFUSED:
            world.hear(do(service, mode, deadline=LATE_DEADLINE))
        case Outcome.UNDONE:
            world.hear(do(service, mode))
            world.hear(undo(service, mode))
        case Outcome.VOID:
            world.hear(undo(service, mode))
        case Outcome.OWED:
            world.hear(do(service, mode))
            world.undo_fail_rate = 1.0
            world.hear(undo(service, mode))
    assert world.outcome is state
    world.effects.clear()
    return world


def tell(world: World, mode: str, heard: str) -> list[Any]:
    if heard.endswith("timer"):
        return world.insist()
    message = do(world.service, mode) if heard == "do" else undo(world.service, mode)
    return world.hear(message)
