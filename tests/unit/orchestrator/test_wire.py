"""What others' programs say, and what is said to them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain import PlaceOrder
from orchestrator.handler import Orchestration
from orchestrator.wire import read, write_command
from saga import contract
from saga.terms import Terms
from saga.v1 import saga_pb2
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.steps import Command
from unit.orchestrator.stories import (
    AUTHORIZE,
    COMMANDS,
    REFUND,
    RELEASE,
    SCHEDULE,
    Story,
    ok,
    place,
    refused,
)

FULL = Terms("ada", 350, "EUR", "flat white", 2, datetime(2026, 1, 2, tzinfo=UTC), "refund=50")


def test_it_hears_what_the_contract_says() -> None:
    assert set(Orchestration.topics) == {
        "orch.place-order",
        "orch.payment-reply",
        "orch.inventory-reply",
        "orch.shipment-reply",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_carries_the_terms_and_its_action(command: Command) -> None:
    saga = Story().hear(place(terms=FULL)).row
    outgoing = write_command(saga, command, "cause")
    topic = contract.TOPIC_BY_NAME[outgoing.topic]
    assert (outgoing.key, outgoing.type, outgoing.causation_id) == ("s", topic.message, "cause")
    message = getattr(saga_pb2, topic.message).FromString(outgoing.payload)
    assert (message.drink, message.quantity, message.faults) == ("flat white", 2, "refund=50")
    assert message.deadline.ToDatetime(UTC) == FULL.deadline
    assert message.customer_id == "ada"
    for name, value in (("amount_cents", 350), ("currency", "EUR")):
        assert getattr(message, name, value) == value
    enum: Any = message.DESCRIPTOR.fields_by_name["action"].enum_type
    assert enum.values_by_number[message.action].name.endswith(f"_{command.action}")


def test_a_command_without_a_deadline_leaves_it_unset() -> None:
    outgoing = write_command(Story().hear(place()).row, AUTHORIZE, None)
    assert not saga_pb2.PaymentCommand.FromString(outgoing.payload).HasField("deadline")


def test_replies_are_read() -> None:
    payment = saga_pb2.PaymentReply(
        saga_id="s", action="PAYMENT_ACTION_AUTHORIZE", ok=True, payment_id="pay-1"
    )
    assert read("orch.payment-reply", payment.SerializeToString()) == ok(AUTHORIZE, "pay-1")
    refund = saga_pb2.PaymentReply(
        saga_id="s", action="PAYMENT_ACTION_REFUND", ok=False, reason="try again"
    )
    assert read("orch.payment-reply", refund.SerializeToString()) == refused(REFUND, "try again")
    release = saga_pb2.InventoryReply(saga_id="s", action="INVENTORY_ACTION_RELEASE", ok=True)
    assert read("orch.inventory-reply", release.SerializeToString()) == ok(RELEASE)
    shipment = saga_pb2.ShipmentReply(
        saga_id="s", action="SHIPMENT_ACTION_SCHEDULE", ok=True, shipment_id="ship-1"
    )
    assert read("orch.shipment-reply", shipment.SerializeToString()) == ok(SCHEDULE, "ship-1")


def test_place_order_of_the_lectures_fields_alone() -> None:
    value = saga_pb2.PlaceOrder(saga_id="s", customer_id="ada", amount_cents=-1, currency="EUR")
    heard = read("orch.place-order", value.SerializeToString())
    assert heard == PlaceOrder("s", Terms("ada", -1, "EUR"))


def test_what_postgres_cannot_store_is_replaced() -> None:
    value = saga_pb2.PaymentReply(
        saga_id="s", action="PAYMENT_ACTION_AUTHORIZE", reason="a\0b", payment_id="\0"
    )
    assert "\0" not in repr(read("orch.payment-reply", value.SerializeToString()))


@pytest.mark.parametrize(
    ("topic", "value", "reason"),
    [
        ("orch.place-order", b"\xff\xff", Reason.UNDECODABLE),
        ("orch.place-order", saga_pb2.PlaceOrder(saga_id="a b"), Reason.BAD_SAGA_ID),
        ("orch.payment-reply", saga_pb2.PaymentReply(saga_id="s"), Reason.UNKNOWN_ACTION),
        ("orch.shipment-reply", b"\x0a\x01s\x10\x02", Reason.UNKNOWN_ACTION),
        ("orch.inventory-reply", b"\x0a\x01s\x10\x63", Reason.UNKNOWN_ACTION),
    ],
)
def test_what_cannot_be_read_is_poison(topic: str, value: Any, reason: Reason) -> None:
    payload = value if isinstance(value, bytes) else value.SerializeToString()
    with pytest.raises(Poison) as poison:
        read(topic, payload)
    assert poison.value.reason is reason
