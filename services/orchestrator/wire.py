"""Between protobuf and the domain: orders and replies are read here, commands are written here.

The only module that knows both. It decides nothing; what cannot be read, or names an action that no
step has, is Poison (rule 10). It must not know SQL, nor when anything is said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from orchestrator.brew import BREW
from orchestrator.domain import REFERENCE_NAMES, Heard, PlaceOrder, Reply, Saga
from saga import contract
from saga.codec import clean, reader, reason_of, saga_id_of, terms_of, to_timestamp
from saga.terms import TEXT_LENGTH_MAX, Terms
from saga.v1 import saga_pb2
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.steps import Answer, Command
from sagakit.shell.ports import Outgoing

Read = Callable[[bytes], Heard]


@dataclass(frozen=True, slots=True)
class StepWire:
    """How one step is spoken to and how it answers."""

    step: str
    command_topic: contract.Topic
    reply_topic: contract.Topic
    action_type: Any
    reply_type: Any
    write: Callable[[str, int, Terms], bytes]
    """Saga id, the action's number and the terms, as the command's bytes."""


def _write_payment(saga_id: str, action: int, terms: Terms) -> bytes:
    return saga_pb2.PaymentCommand(
        saga_id=saga_id,
        action=saga_pb2.PaymentAction.Name(action),
        customer_id=terms.customer_id,
        amount_cents=terms.amount_cents or 0,
        currency=terms.currency,
        drink=terms.drink,
        quantity=terms.quantity,
        deadline=to_timestamp(terms.deadline),
        faults=terms.faults,
    ).SerializeToString()


def _write_inventory(saga_id: str, action: int, terms: Terms) -> bytes:
    return saga_pb2.InventoryCommand(
        saga_id=saga_id,
        action=saga_pb2.InventoryAction.Name(action),
        customer_id=terms.customer_id,
        amount_cents=terms.amount_cents or 0,
        drink=terms.drink,
        quantity=terms.quantity,
        deadline=to_timestamp(terms.deadline),
        faults=terms.faults,
    ).SerializeToString()


def _write_shipment(saga_id: str, action: int, terms: Terms) -> bytes:
    return saga_pb2.ShipmentCommand(
        saga_id=saga_id,
        action=saga_pb2.ShipmentAction.Name(action),
        customer_id=terms.customer_id,
        drink=terms.drink,
        quantity=terms.quantity,
        deadline=to_timestamp(terms.deadline),
        faults=terms.faults,
    ).SerializeToString()


WIRES: Final = (
    StepWire(
        "payment",
        contract.PAYMENT_COMMAND,
        contract.PAYMENT_REPLY,
        saga_pb2.PaymentAction,
        saga_pb2.PaymentReply,
        _write_payment,
    ),
    StepWire(
        "inventory",
        contract.INVENTORY_COMMAND,
        contract.INVENTORY_REPLY,
        saga_pb2.InventoryAction,
        saga_pb2.InventoryReply,
        _write_inventory,
    ),
    StepWire(
        "shipment",
        contract.SHIPMENT_COMMAND,
        contract.SHIPMENT_REPLY,
        saga_pb2.ShipmentAction,
        saga_pb2.ShipmentReply,
        _write_shipment,
    ),
)
_WIRE_BY_STEP: Final = MappingProxyType({wire.step: wire for wire in WIRES})
if set(_WIRE_BY_STEP) != {step.name for step in BREW}:
    MISMATCH = f"WIRES speak to {sorted(_WIRE_BY_STEP)}; BREW has other steps: change both together"
    raise ImportError(MISMATCH)


def write_command(saga: Saga, command: Command, causation_id: str | None) -> Outgoing:
    """Write the command for the saga's terms. `causation_id` is the message it follows from."""
    wire = _WIRE_BY_STEP[command.step]
    number = wire.action_type.Value(f"{_prefix(wire)}{command.action}")
    return Outgoing(
        topic=wire.command_topic.name,
        key=saga.saga_id,
        type=wire.command_topic.message,
        payload=wire.write(saga.saga_id, number, saga.terms),
        causation_id=causation_id,
    )


def read(topic: str, value: bytes) -> Heard:
    """Read what was heard on `topic` (without prefix). Raises Poison."""
    return _READERS[topic](value)


def _place_order_reader() -> Read:
    parse = reader(saga_pb2.PlaceOrder)

    def read_place_order(value: bytes) -> PlaceOrder:
        message = parse(value)
        terms = terms_of(
            message,
            customer_id=message.customer_id,
            amount_cents=message.amount_cents,
            currency=message.currency,
        )
        return PlaceOrder(saga_id_of(message), terms, cancel=message.cancel)

    return read_place_order


def _reply_reader(wire: StepWire) -> Read:
    parse = reader(wire.reply_type)
    reference_name = REFERENCE_NAMES[wire.step]
    step = next(step for step in BREW if step.name == wire.step)
    commands = {
        wire.action_type.Value(f"{_prefix(wire)}{action}"): Command(step.name, action)
        for action in (step.action, step.compensation)
        if action is not None
    }

    def read_reply(value: bytes) -> Reply:
        message: Any = parse(value)
        saga_id = saga_id_of(message)
        command = commands.get(message.action)
        if command is None:
            known = ", ".join(f"{number} {each.action}" for number, each in commands.items())
            detail = f"action is {message.action} in a {wire.step} reply; it must be one of {known}"
            raise Poison(Reason.UNKNOWN_ACTION, detail, saga_id)
        return Reply(
            saga_id,
            command,
            Answer.OK if message.ok else Answer.REFUSED,
            clean(getattr(message, reference_name), TEXT_LENGTH_MAX),
            reason_of(message),
        )

    return read_reply


def _prefix(wire: StepWire) -> str:
    """Protobuf's enum values bear their enum's name: PAYMENT_ACTION_AUTHORIZE."""
    return f"{wire.step.upper()}_ACTION_"


_READERS: Final[Mapping[str, Read]] = MappingProxyType(
    {contract.PLACE_ORDER.name: _place_order_reader()}
    | {wire.reply_topic.name: _reply_reader(wire) for wire in WIRES}
)
