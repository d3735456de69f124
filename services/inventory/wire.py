"""Inventory's protobuf: bytes to what is heard, and a stored row to the bytes that say it.

No judgement here.
"""

from collections.abc import Callable
from typing import Final, assert_never

from inventory.participant import CHOREOGRAPHY, ORCHESTRATION
from saga.codec import reader, reason_of, saga_id_of, terms_of, to_timestamp
from saga.contract import PAYMENT_COMPLETED, SHIPMENT_FAILED, TOPIC_BY_NAME
from saga.terms import NO_TERMS, Terms
from saga.v1.saga_pb2 import (
    InventoryAction,
    InventoryCommand,
    InventoryFailed,
    InventoryReleased,
    InventoryReply,
    InventoryReserved,
    PaymentCompleted,
    ShipmentFailed,
)
from sagakit.core.chance import Odds
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.fold import Speech
from sagakit.core.participant import Ask, Heard, Reply, Row, Word
from sagakit.shell.participant import Said

ACTION_PREFIX: Final = "INVENTORY_ACTION_"


class InventoryWire:
    """Reads and says every message of inventory (`sagakit.shell.participant.Wire`)."""

    def __init__(self, odds: Odds) -> None:
        self._odds = odds
        self._readers: dict[str, Callable[[bytes], Heard[Terms]]] = {
            PAYMENT_COMPLETED.name: _paid_reader(),
            SHIPMENT_FAILED.name: _undo_reader(),
            ORCHESTRATION.commands: _command_reader(),
        }
        self._actions = {ask: ACTION_PREFIX + name for name, ask in ORCHESTRATION.actions.items()}

    def read(self, topic: str, value: bytes) -> Heard[Terms]:
        """What a record says. Raises Poison."""
        return self._readers[topic](value)

    def say(self, row: Row[Terms], speech: Speech) -> Said:
        """The stored row as an announcement or a reply."""
        if isinstance(speech, Reply):
            message = InventoryReply(
                saga_id=row.saga_id,
                action=self._actions[speech.ask],
                ok=speech.ok,
                reservation_id=row.reference,
                reason=speech.reason,
            )
            return Said(ORCHESTRATION.replies, "InventoryReply", message.SerializeToString())
        topic = CHOREOGRAPHY.says[speech]
        return Said(topic, TOPIC_BY_NAME[topic].message, _announcement(row, speech))

    def delay_seconds(self, row: Row[Terms], ask: Ask) -> float:
        """How long an injected fault holds the answer back."""
        return self._odds.delay_seconds(row.terms.faults, undo=ask is not Ask.DO)


def _announcement(row: Row[Terms], word: Word) -> bytes:
    occurred_at = to_timestamp(row.occurred_at)
    match word:
        case Word.DONE:
            terms = row.terms
            reserved = InventoryReserved(
                saga_id=row.saga_id,
                reservation_id=row.reference,
                occurred_at=occurred_at,
                drink=terms.drink,
                quantity=terms.quantity,
                deadline=to_timestamp(terms.deadline),
                faults=terms.faults,
            )
            return reserved.SerializeToString()
        case Word.REFUSED:
            failed = InventoryFailed(
                saga_id=row.saga_id, reason=row.reason, occurred_at=occurred_at
            )
            return failed.SerializeToString()
        case Word.UNDONE:
            released = InventoryReleased(
                saga_id=row.saga_id,
                reservation_id=row.reference,
                reason=row.reason,
                occurred_at=occurred_at,
            )
            return released.SerializeToString()
        case _:
            assert_never(word)


def _paid_reader() -> Callable[[bytes], Heard[Terms]]:
    parse = reader(PaymentCompleted)

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        saga_id = saga_id_of(message)
        # Inventory moves no money: an amount that is left out is unknown, and not out of bounds.
        terms = terms_of(
            message, amount_cents=message.amount_cents or None, currency=message.currency
        )
        return Heard(saga_id, "choreo", Ask.DO, terms)

    return read


def _undo_reader() -> Callable[[bytes], Heard[Terms]]:
    parse = reader(ShipmentFailed)

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        return Heard(saga_id_of(message), "choreo", Ask.UNDO, NO_TERMS, reason_of(message))

    return read


def _command_reader() -> Callable[[bytes], Heard[Terms]]:
    parse = reader(InventoryCommand)
    asks = {
        InventoryAction.Value(ACTION_PREFIX + name): ask
        for name, ask in ORCHESTRATION.actions.items()
    }

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        saga_id = saga_id_of(message)
        ask = asks.get(message.action)
        if ask is None:
            detail = f"InventoryCommand names action {message.action}, known are {sorted(asks)}"
            raise Poison(Reason.UNKNOWN_ACTION, detail, saga_id)
        terms = terms_of(
            message,
            customer_id=message.customer_id,
            amount_cents=message.amount_cents or None,
        )
        return Heard(saga_id, "orch", ask, terms)

    return read
