"""A participant's protobuf, written once: bytes to what is heard, a stored row to what says it.

Which messages those are, each participant's own `wire` tells as a table. What a message asks for
and where an answer goes is in the participant's reactions. No judgement here, and no word of what
is charged, reserved or shipped. This runs for each message: all that follows from a message's type
is looked up when the wire is made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from google.protobuf.message import Message

from saga.codec import (
    action_number,
    carries_terms,
    reader,
    reason_of,
    saga_id_of,
    terms_reader,
    terms_writer,
    write_time,
)
from saga.contract import TOPIC_BY_NAME, Mode
from saga.terms import NO_TERMS, Terms
from sagakit.core.chance import Odds
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.fold import Speech
from sagakit.core.participant import Ask, Heard, Reply, Row
from sagakit.core.reactions import Choreography, Orchestration, Said

CHOREO: Final = Mode.CHOREO.value
ORCH: Final = Mode.ORCH.value

Read = Callable[[bytes], Heard[Terms]]
Write = Callable[[Row[Terms]], bytes]
WriteReply = Callable[[Row[Terms], Reply], bytes]


@dataclass(frozen=True, slots=True)
class Messages:
    """One participant's messages by type; `action` is the enum of its commands.

    `reference` is the field that bears the id of what was done. `needs_amount`: an order that says
    no amount is out of bounds here; where it is false, nothing is known of the amount.
    """

    hears: tuple[type[Message], ...]
    says: tuple[type[Message], ...]
    command: type[Message]
    action: Any
    reply: type[Message]
    reference: str
    needs_amount: bool = False


class ParticipantWire:
    """Reads and says every message of one participant (`sagakit.shell.participant.Wire`)."""

    def __init__(
        self,
        choreography: Choreography,
        orchestration: Orchestration,
        messages: Messages,
        odds: Odds,
    ) -> None:
        """Raises KeyError where the table lacks a message that the reactions need."""
        types = {one.DESCRIPTOR.name: one for one in (*messages.hears, *messages.says)}
        self._odds = odds
        self._readers = {
            topic: _event_reader(types[TOPIC_BY_NAME[topic].message], ask, messages)
            for topic, ask in choreography.hears.items()
        }
        self._readers[orchestration.commands] = _command_reader(messages, orchestration.actions)
        self._announcements = {
            word.value: (topic, name, _event_writer(types[name], messages.reference))
            for word, topic in choreography.says.items()
            for name in (TOPIC_BY_NAME[topic].message,)
        }
        self._reply_topic = orchestration.replies
        self._reply_type = messages.reply.DESCRIPTOR.name
        self._write_reply = _reply_writer(messages, orchestration.actions)

    def read(self, topic: str, value: bytes) -> Heard[Terms]:
        """What a record says. Raises Poison."""
        return self._readers[topic](value)

    def say(self, row: Row[Terms], speech: Speech) -> Said:
        """The stored row as an announcement or a reply."""
        if isinstance(speech, Reply):
            return Said(self._reply_topic, self._reply_type, self._write_reply(row, speech))
        topic, name, write = self._announcements[speech.value]
        return Said(topic, name, write(row))

    def delay_seconds(self, row: Row[Terms], ask: Ask) -> float:
        """How long an injected fault holds the answer back."""
        faults = row.terms.faults
        return self._odds.delay_seconds(faults, undo=ask is not Ask.DO) if faults else 0.0


# ---------------------------------------------------------------- what is heard


def _event_reader(message_type: type[Message], ask: Ask, messages: Messages) -> Read:
    match ask:
        case Ask.DO:
            return _do_reader(message_type, messages)
        case Ask.UNDO:
            return _undo_reader(message_type)
        case Ask.INSIST:
            raise AssertionError("no message insists: that is the participant's own timer")
        case _:
            assert_never(ask)


def _do_reader(message_type: type[Message], messages: Messages) -> Read:
    parse: Callable[[bytes], Any] = reader(message_type)
    terms_of = terms_reader(message_type, zero_is_unknown=not messages.needs_amount)
    cancels = "cancel" in message_type.DESCRIPTOR.fields_by_name

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        cancel = cancels and message.cancel
        return Heard(saga_id_of(message), CHOREO, Ask.DO, terms_of(message), "", cancel)

    return read


def _undo_reader(message_type: type[Message]) -> Read:
    parse: Callable[[bytes], Any] = reader(message_type)

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        return Heard(saga_id_of(message), CHOREO, Ask.UNDO, NO_TERMS, reason_of(message))

    return read


def _command_reader(messages: Messages, actions: Mapping[str, Ask]) -> Read:
    parse: Callable[[bytes], Any] = reader(messages.command)
    # An undo that says no amount says nothing of it, also where a do that says none is refused.
    asked = {
        action_number(messages.action, name): (
            ask,
            terms_reader(
                messages.command, zero_is_unknown=ask is Ask.UNDO or not messages.needs_amount
            ),
        )
        for name, ask in actions.items()
    }
    name = messages.command.DESCRIPTOR.name

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        saga_id = saga_id_of(message)
        known = asked.get(message.action)
        if known is None:
            detail = f"{name} names action {message.action}, known are {sorted(asked)}"
            raise Poison(Reason.UNKNOWN_ACTION, detail, saga_id)
        ask, terms_of = known
        return Heard(saga_id, ORCH, ask, terms_of(message))

    return read


# ---------------------------------------------------------------- what is said


def _event_writer(message_type: type[Message], reference: str) -> Write:
    """An event from the row: what the message has no field for is left out."""
    has = message_type.DESCRIPTOR.fields_by_name
    has_reference, has_reason = reference in has, "reason" in has
    fill_terms = terms_writer(message_type) if carries_terms(message_type) else None
    new: Callable[[], Any] = message_type

    def write(row: Row[Terms]) -> bytes:
        message = new()
        message.saga_id = row.saga_id
        if has_reference:
            setattr(message, reference, row.reference)
        if has_reason:
            message.reason = row.reason
        if fill_terms is not None:
            fill_terms(message, row.terms)
        write_time(message.occurred_at, row.occurred_at)
        payload: bytes = message.SerializeToString()
        return payload

    return write


def _reply_writer(messages: Messages, actions: Mapping[str, Ask]) -> WriteReply:
    numbers = {ask: action_number(messages.action, name) for name, ask in actions.items()}
    do, undo = numbers[Ask.DO], numbers.get(Ask.UNDO)
    reference = messages.reference
    new: Callable[[], Any] = messages.reply

    def write(row: Row[Terms], reply: Reply) -> bytes:
        message = new()
        message.saga_id = row.saga_id
        message.action = do if reply.ask is Ask.DO else undo
        message.ok = reply.ok
        setattr(message, reference, row.reference)
        message.reason = reply.reason
        payload: bytes = message.SerializeToString()
        return payload

    return write
