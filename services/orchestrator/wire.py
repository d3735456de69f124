"""Between protobuf and the domain: orders and replies are read here, commands are written here.

The only module that knows both. It decides nothing; what cannot be read, or names an action that no
step has, is Poison (rule 10). It must not know SQL, nor when anything is said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from orchestrator.brew import EVERY_STEP
from orchestrator.domain import REFERENCE_NAMES, Heard, PlaceOrder, Reply, Saga
from saga import contract
from saga.codec import (
    action_number,
    clean,
    reader,
    reason_of,
    saga_id_of,
    terms_reader,
    terms_writer,
)
from saga.terms import TEXT_LENGTH_MAX
from saga.v1 import saga_pb2
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.steps import Answer, Command
from sagakit.shell.ports import Outgoing

Read = Callable[[bytes], Heard]
Write = Callable[[Saga], bytes]


@dataclass(frozen=True, slots=True)
class StepWire:
    """How one step is spoken to and how it answers."""

    step: str
    command_topic: contract.Topic
    reply_topic: contract.Topic
    action_type: Any
    command_type: Any
    reply_type: Any


def _step_wire(step: str) -> StepWire:
    """Find the step's two topics by their names, and their messages and the actions by theirs."""
    if step not in REFERENCE_NAMES:
        missing = f"brew.py has a step {step!r}, saga/contract.py has no row of it in STEPS: add it"
        raise ImportError(missing)
    command, reply = _topic(step, "cmd"), _topic(step, "reply")
    command_type = getattr(saga_pb2, command.message)
    action = command_type.DESCRIPTOR.fields_by_name["action"].enum_type
    reply_type = getattr(saga_pb2, reply.message)
    return StepWire(step, command, reply, getattr(saga_pb2, action.name), command_type, reply_type)


def _topic(step: str, kind: str) -> contract.Topic:
    name = f"{contract.Mode.ORCH.value}.{step}-{kind}"
    if name not in contract.TOPIC_BY_NAME:
        missing = f"brew.py has a step {step!r}, saga/contract.py has no topic {name}: add it"
        raise ImportError(missing)
    return contract.TOPIC_BY_NAME[name]


WIRES: Final = tuple(_step_wire(name) for name in dict.fromkeys(step.name for step in EVERY_STEP))
_COMMANDS: Final = tuple(
    dict.fromkeys(
        Command(step.name, action)
        for step in EVERY_STEP
        for action in (step.action, step.compensation)
        if action is not None
    )
)


def write_command(saga: Saga, command: Command, causation_id: str | None) -> Outgoing:
    """Write the command for the saga's terms. `causation_id` is the message it follows from."""
    topic, write = _WRITERS[command]
    return Outgoing(topic.name, saga.saga_id, topic.message, write(saga), causation_id)


def read(topic: str, value: bytes) -> Heard:
    """Read what was heard on `topic` (without prefix). Raises Poison."""
    return _READERS[topic](value)


def _command_writer(wire: StepWire, action: str) -> Write:
    number, fill_terms = action_number(wire.action_type, action), terms_writer(wire.command_type)
    new = wire.command_type

    def write(saga: Saga) -> bytes:
        message = new()
        message.saga_id = saga.saga_id
        message.action = number
        fill_terms(message, saga.terms)
        payload: bytes = message.SerializeToString()
        return payload

    return write


def _place_order_reader() -> Read:
    parse, terms_of = reader(saga_pb2.PlaceOrder), terms_reader(saga_pb2.PlaceOrder)

    def read_place_order(value: bytes) -> PlaceOrder:
        message = parse(value)
        return PlaceOrder(saga_id_of(message), terms_of(message), cancel=message.cancel)

    return read_place_order


def _reply_reader(wire: StepWire) -> Read:
    parse = reader(wire.reply_type)
    reference_name = REFERENCE_NAMES[wire.step]
    commands = {
        action_number(wire.action_type, command.action): command
        for command in _COMMANDS
        if command.step == wire.step
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


_WRITERS: Final[Mapping[Command, tuple[contract.Topic, Write]]] = MappingProxyType(
    {
        command: (wire.command_topic, _command_writer(wire, command.action))
        for wire in WIRES
        for command in _COMMANDS
        if command.step == wire.step
    }
)
_READERS: Final[Mapping[str, Read]] = MappingProxyType(
    {contract.PLACE_ORDER.name: _place_order_reader()}
    | {wire.reply_topic.name: _reply_reader(wire) for wire in WIRES}
)
