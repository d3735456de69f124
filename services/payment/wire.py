"""Payment's protobuf: bytes to what is heard, and a stored row to the bytes that say it.

No judgement here.
"""

from collections.abc import Callable
from typing import Final, assert_never

from payment.participant import CHOREOGRAPHY, ORCHESTRATION
from saga.codec import reader, reason_of, saga_id_of, terms_of, to_timestamp
from saga.contract import INVENTORY_FAILED, INVENTORY_RELEASED, ORDER_REQUESTED, TOPIC_BY_NAME
from saga.terms import NO_TERMS, Terms
from saga.v1.saga_pb2 import (
    InventoryFailed,
    InventoryReleased,
    OrderRequested,
    PaymentAction,
    PaymentCommand,
    PaymentCompleted,
    PaymentFailed,
    PaymentRefunded,
    PaymentReply,
)
from sagakit.core.chance import Odds
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.fold import Speech
from sagakit.core.participant import Ask, Heard, Reply, Row, Word
from sagakit.shell.participant import Said

ACTION_PREFIX: Final = "PAYMENT_ACTION_"


class PaymentWire:
    """Reads and says every message of payment (`sagakit.shell.participant.Wire`)."""

    def __init__(self, odds: Odds) -> None:
        self._odds = odds
        self._readers: dict[str, Callable[[bytes], Heard[Terms]]] = {
            ORDER_REQUESTED.name: _order_reader(),
            INVENTORY_FAILED.name: _undo_reader(InventoryFailed),
            INVENTORY_RELEASED.name: _undo_reader(InventoryReleased),
            ORCHESTRATION.commands: _command_reader(),
        }
        self._actions = {ask: ACTION_PREFIX + name for name, ask in ORCHESTRATION.actions.items()}

    def read(self, topic: str, value: bytes) -> Heard[Terms]:
        """What a record says. Raises Poison."""
        return self._readers[topic](value)

    def say(self, row: Row[Terms], speech: Speech) -> Said:
        """The stored row as an announcement or a reply."""
        if isinstance(speech, Reply):
            message = PaymentReply(
                saga_id=row.saga_id,
                action=self._actions[speech.ask],
                ok=speech.ok,
                payment_id=row.reference,
                reason=speech.reason,
            )
            return Said(ORCHESTRATION.replies, "PaymentReply", message.SerializeToString())
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
            completed = PaymentCompleted(
                saga_id=row.saga_id,
                payment_id=row.reference,
                amount_cents=terms.amount_cents or 0,
                currency=terms.currency,
                occurred_at=occurred_at,
                drink=terms.drink,
                quantity=terms.quantity,
                deadline=to_timestamp(terms.deadline),
                faults=terms.faults,
            )
            return completed.SerializeToString()
        case Word.REFUSED:
            failed = PaymentFailed(saga_id=row.saga_id, reason=row.reason, occurred_at=occurred_at)
            return failed.SerializeToString()
        case Word.UNDONE:
            refunded = PaymentRefunded(
                saga_id=row.saga_id,
                payment_id=row.reference,
                reason=row.reason,
                occurred_at=occurred_at,
            )
            return refunded.SerializeToString()
        case _:
            assert_never(word)


def _order_reader() -> Callable[[bytes], Heard[Terms]]:
    parse = reader(OrderRequested)

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        saga_id = saga_id_of(message)
        terms = terms_of(
            message,
            customer_id=message.customer_id,
            amount_cents=message.amount_cents,
            currency=message.currency,
        )
        return Heard(saga_id, "choreo", Ask.DO, terms, cancel=message.cancel)

    return read


def _undo_reader(
    message_type: type[InventoryFailed | InventoryReleased],
) -> Callable[[bytes], Heard[Terms]]:
    parse = reader(message_type)

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        return Heard(saga_id_of(message), "choreo", Ask.UNDO, NO_TERMS, reason_of(message))

    return read


def _command_reader() -> Callable[[bytes], Heard[Terms]]:
    parse = reader(PaymentCommand)
    asks = {
        PaymentAction.Value(ACTION_PREFIX + name): ask
        for name, ask in ORCHESTRATION.actions.items()
    }

    def read(value: bytes) -> Heard[Terms]:
        message = parse(value)
        saga_id = saga_id_of(message)
        ask = asks.get(message.action)
        if ask is None:
            detail = f"PaymentCommand names action {message.action}, known are {sorted(asks)}"
            raise Poison(Reason.UNKNOWN_ACTION, detail, saga_id)
        # An undo that says no amount says nothing of it; a do that says none is out of bounds.
        undo = ask is Ask.UNDO
        amount_cents = (message.amount_cents or None) if undo else message.amount_cents
        terms = terms_of(
            message,
            customer_id=message.customer_id,
            amount_cents=amount_cents,
            currency=message.currency,
        )
        return Heard(saga_id, "orch", ask, terms)

    return read
