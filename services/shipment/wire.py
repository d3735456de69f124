"""Shipment's protobuf: bytes to what is heard, and a stored row to the bytes that say it.

No judgement here.
"""

from collections.abc import Callable
from typing import Final, assert_never

from saga.codec import reader, saga_id_of, terms_of, to_timestamp
from saga.contract import INVENTORY_RESERVED, TOPIC_BY_NAME
from saga.terms import Terms
from saga.v1.saga_pb2 import (
    InventoryReserved,
    ShipmentAction,
    ShipmentCommand,
    ShipmentFailed,
    ShipmentReply,
    ShipmentScheduled,
)
from sagakit.core.chance import Odds
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.fold import Speech
from sagakit.core.participant import Ask, Heard, Reply, Row, Word
from sagakit.shell.participant import Said
from shipment.participant import CHOREOGRAPHY, ORCHESTRATION

ACTION_PREFIX: Final = "SHIPMENT_ACTION_"


class ShipmentWire:
    """Reads and says every message of shipment (`sagakit.shell.participant.Wire`)."""

    def __init__(self, odds: Odds) -> None:
        self._odds = odds
        self._readers: dict[str, Callable[[bytes], Heard[Terms]]] = {
            INVENTORY_RESERVED.name: _reserved_reader(),
            ORCHESTRATION.commands: _command_reader(),
        }
        self._actions = {ask: ACTION_PREFIX + name for name, ask in ORCHESTRATION.actions.items()}

    def read(self, topic: str, value: bytes) -> Heard[Terms]:
        """What a record says. Raises Poison."""
        return self._readers[topic](value)

    def say(self, row: Row[Terms], speech: Speech) -> Said:
        """The stored row as an announcement or a reply."""
        if isinstance(speech, Reply):
            message = ShipmentReply(
                saga_id=row.saga_id,
                action=self._actions[speech.ask],
                ok=speech.ok,
                shipment_id=row.reference,
                reason=speech.reason,
            )
            return Said(ORCHESTRATION.replies, "ShipmentReply", message.SerializeToString())
        topic = CHOREOGRAPHY.says[speech]
        return Said(topic, TOPIC_BY_NAME[topic].message, _announcement(row, speech))

    def delay_seconds(self, row: Row[Terms], ask: Ask) -> float:
        """How long an injected fault holds the answer back."""
        return self._odds.delay_seconds(row.terms.faults, undo=ask is not Ask.DO)


def _announcement(row: Row[Terms], word: Word) -> bytes:
    occurred_at = to_timestamp(row.occurred_at)
    match word:
        case Word.DONE:
            scheduled = ShipmentScheduled(
                saga_id=row.saga_id, shipment_id=row.reference, occurred_at=occurred_at
            )
            return scheduled.SerializeToString()
        case Word.REFUSED:
            failed = ShipmentFailed(saga_id=row.saga_id, reason=row.reason, occurred_at=occurred_at)
            return failed.SerializeToString()
        case Word.UNDONE:
            message = f"saga {row.saga_id}: a shipment is never undone"
            raise AssertionError(message)
        case _:
            assert_never(word)


def _reserved_reader() -> Callable[[bytes], Heard[Terms]]:
    parse = reader(InventoryReserved)

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        return Heard(saga_id_of(message), "choreo", Ask.DO, terms_of(message))

    return read


def _command_reader() -> Callable[[bytes], Heard[Terms]]:
    parse = reader(ShipmentCommand)
    asks = {
        ShipmentAction.Value(ACTION_PREFIX + name): ask
        for name, ask in ORCHESTRATION.actions.items()
    }

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        saga_id = saga_id_of(message)
        ask = asks.get(message.action)
        if ask is None:
            detail = f"ShipmentCommand names action {message.action}, known are {sorted(asks)}"
            raise Poison(Reason.UNKNOWN_ACTION, detail, saga_id)
        return Heard(saga_id, "orch", ask, terms_of(message, customer_id=message.customer_id))

    return read
