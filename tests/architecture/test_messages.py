"""The messages are the contract's, field by field, and the generated code is that of the proto
file.
"""

import filecmp
import subprocess
import sys
from pathlib import Path

import pytest

from architecture.sources import ROOT
from saga import contract
from saga.v1 import saga_pb2

EVENT_TAIL = ("occurred_at",)
FIELDS = {
    # message: fields 1, 2, 3, ... - copied from the contract by hand
    "PlaceOrder": ("saga_id", "customer_id", "amount_cents", "currency"),
    "OrderRequested": ("saga_id", "customer_id", "amount_cents", "currency", *EVENT_TAIL),
    "PaymentCompleted": ("saga_id", "payment_id", "amount_cents", "currency", *EVENT_TAIL),
    "PaymentFailed": ("saga_id", "reason", *EVENT_TAIL),
    "InventoryFailed": ("saga_id", "reason", *EVENT_TAIL),
    "ShipmentFailed": ("saga_id", "reason", *EVENT_TAIL),
    "PaymentRefunded": ("saga_id", "payment_id", "reason", *EVENT_TAIL),
    "InventoryReserved": ("saga_id", "reservation_id", *EVENT_TAIL),
    "InventoryReleased": ("saga_id", "reservation_id", "reason", *EVENT_TAIL),
    "ShipmentScheduled": ("saga_id", "shipment_id", *EVENT_TAIL),
    "PaymentCommand": ("saga_id", "action", "customer_id", "amount_cents", "currency"),
    "PaymentReply": ("saga_id", "action", "ok", "payment_id", "reason"),
    "InventoryCommand": ("saga_id", "action", "customer_id", "amount_cents"),
    "InventoryReply": ("saga_id", "action", "ok", "reservation_id", "reason"),
    "ShipmentCommand": ("saga_id", "action", "customer_id"),
    "ShipmentReply": ("saga_id", "action", "ok", "shipment_id", "reason"),
}
TERMS = {15: "drink", 16: "quantity", 17: "deadline", 18: "faults"}
CARRIES_TERMS = {
    "PlaceOrder",
    "OrderRequested",
    "PaymentCompleted",
    "InventoryReserved",
    "PaymentCommand",
    "InventoryCommand",
    "ShipmentCommand",
}
CARRIES_CANCEL = {"PlaceOrder", "OrderRequested"}
ACTIONS = {
    "PaymentAction": ["UNSPECIFIED", "AUTHORIZE", "REFUND"],
    "InventoryAction": ["UNSPECIFIED", "RESERVE", "RELEASE"],
    "ShipmentAction": ["UNSPECIFIED", "SCHEDULE"],
}


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_message_has_the_contract_s_fields_and_ours_above_fourteen(name: str) -> None:
    expected = dict(enumerate(FIELDS[name], start=1))
    if name in CARRIES_TERMS:
        expected |= TERMS
    if name in CARRIES_CANCEL:
        expected |= {19: "cancel"}
    message = saga_pb2.DESCRIPTOR.message_types_by_name[name]
    assert {field.number: field.name for field in message.fields} == expected


def test_every_topic_has_its_message_and_every_message_its_topic() -> None:
    assert {topic.message for topic in contract.TOPICS} == set(FIELDS)
    assert set(saga_pb2.DESCRIPTOR.message_types_by_name) == set(FIELDS)
    assert saga_pb2.DESCRIPTOR.package == "saga.v1"


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_action_keeps_its_number(name: str) -> None:
    prefix = name.removesuffix("Action").upper()
    values = saga_pb2.DESCRIPTOR.enum_types_by_name[name].values
    assert [value.name for value in values] == [f"{prefix}_ACTION_{n}" for n in ACTIONS[name]]
    assert [value.number for value in values] == list(range(len(values)))


def test_the_generated_code_is_that_of_the_proto_file(tmp_path: Path) -> None:
    """`--pyi_out` and `--python_out` of the locked protoc; another result means that it was not run
    again.
    """
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--proto_path={ROOT / 'proto'}",
            f"--python_out={tmp_path}",
            f"--pyi_out={tmp_path}",
            "saga/v1/saga.proto",
        ],
        check=True,
    )
    for name in ("saga_pb2.py", "saga_pb2.pyi"):
        committed = ROOT / "services" / "saga" / "v1" / name
        assert filecmp.cmp(tmp_path / "saga" / "v1" / name, committed, shallow=False), name
