"""Every cell of the contract's tables, all participants, both modes: bytes in, bytes out.

Each cell is reached by messages alone: a history brings a participant into its stored state, the
last message is what is heard there, and what is said to it is compared with the contract.
"""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any
from uuid import RFC_4122, UUID

import pytest

import inventory.__main__
import inventory.participant
import payment.__main__
import payment.participant
import shipment.__main__
import shipment.participant
from saga import contract
from saga.v1.saga_pb2 import InventoryFailed
from saga.wire import ParticipantWire
from sagakit.core.deadletters import Reason
from sagakit.core.participant import Outcome
from sagakit.shell.faults import Switchboard
from sagakit.shell.metrics import Metrics
from sagakit.shell.runtime import Runtime
from sagakit.shell.settings import KitSettings
from unit.participant_world import NOW, SAGA, WIRES, World, do, reach, tell, topic_of, undo

DID = {
    "payment": "PaymentCompleted",
    "inventory": "InventoryReserved",
    "shipment": "ShipmentScheduled",
}
FAILED = {"payment": "PaymentFailed", "inventory": "InventoryFailed", "shipment": "ShipmentFailed"}
UNDID = {"payment": "PaymentRefunded", "inventory": "InventoryReleased"}
NONE = None
DONE, REFUSED, OWED = Outcome.DONE, Outcome.REFUSED, Outcome.OWED
UNDONE, VOID = Outcome.UNDONE, Outcome.VOID
UNDOING = ("payment", "inventory")
MAINS = [payment.__main__, inventory.__main__, shipment.__main__]


def test_every_participant_is_tried() -> None:
    assert set(WIRES) == set(DID) == set(contract.PARTICIPANTS), (
        "add it to participant_world.py (WIRES, judge, do) and to the tables here"
    )


# ---------------------------------------------------------------- choreography

CHOREOGRAPHY = [
    # stored, heard, stored then, said, effects
    (NONE, "do", DONE, DID, 1),
    (NONE, "undo", VOID, FAILED, 0),
    (NONE, "timer", NONE, None, 0),
    (DONE, "do", DONE, DID, 0),
    (DONE, "undo", UNDONE, UNDID, 1),
    (DONE, "failing undo", OWED, None, 0),
    (DONE, "timer", DONE, None, 0),
    (REFUSED, "do", REFUSED, FAILED, 0),
    (REFUSED, "undo", REFUSED, FAILED, 0),
    (OWED, "do", OWED, None, 0),
    (OWED, "undo", OWED, None, 0),
    (OWED, "failing timer", OWED, None, 0),
    (OWED, "timer", UNDONE, UNDID, 1),
    (UNDONE, "do", UNDONE, UNDID, 0),
    (UNDONE, "undo", UNDONE, UNDID, 0),
    (UNDONE, "timer", UNDONE, None, 0),
    (VOID, "do", VOID, FAILED, 0),
    (VOID, "undo", VOID, FAILED, 0),
]


@pytest.mark.parametrize("service", UNDOING)
@pytest.mark.parametrize(("stored", "heard", "then", "said", "effects"), CHOREOGRAPHY)
def test_choreography(
    service: str, stored: Outcome | None, heard: str, then: Outcome | None, said: Any, effects: int
) -> None:
    world = reach(service, "choreo", stored)
    before = world.rows.get(SAGA)
    world.undo_fail_rate = 1.0 if heard.startswith("failing") else 0.0
    answers = tell(world, "choreo", heard)
    assert world.outcome is then
    assert [a.DESCRIPTOR.name for a in answers] == ([said[service]] if said else [])
    assert len(world.effects) == effects
    if before is not None and then is stored and heard != "failing timer":
        assert world.rows[SAGA] == before, "what changes nothing must write nothing"


@pytest.mark.parametrize("stored", [NONE, DONE, REFUSED])
def test_shipment_says_the_same_for_ever(stored: Outcome | None) -> None:
    world = reach("shipment", "choreo", stored)
    first = world.hear(do("shipment", "choreo"))
    world.now += timedelta(hours=1)
    again = world.hear(do("shipment", "choreo", deadline=NOW - timedelta(days=1)))
    assert [m.SerializeToString() for m in first] == [m.SerializeToString() for m in again]
    assert type(first[0]).DESCRIPTOR.name == (FAILED if stored is REFUSED else DID)["shipment"]


CANCELLED = [
    (NONE, VOID, "PaymentFailed"),
    (DONE, DONE, "PaymentCompleted"),
    (REFUSED, REFUSED, "PaymentFailed"),
    (OWED, OWED, None),
    (UNDONE, UNDONE, "PaymentRefunded"),
    (VOID, VOID, "PaymentFailed"),
]


@pytest.mark.parametrize(("stored", "then", "said"), CANCELLED)
def test_order_requested_with_cancel(
    stored: Outcome | None, then: Outcome | None, said: str | None
) -> None:
    world = reach("payment", "choreo", stored)
    answers = world.hear(do("payment", "choreo", cancel=True))
    assert world.outcome is then
    assert [a.DESCRIPTOR.name for a in answers] == ([said] if said else [])
    assert not world.effects
    if stored is NONE:
        assert answers[0].reason == "cancelled"


# ---------------------------------------------------------------- orchestration

ORCHESTRATION = [
    # stored, heard, stored then, ok, reason, with the id of what was done, effects
    (NONE, "do", DONE, True, "", True, 1),
    (NONE, "undo", VOID, True, "", False, 0),
    (DONE, "do", DONE, True, "", True, 0),
    (DONE, "undo", UNDONE, True, "", True, 1),
    (DONE, "failing undo", DONE, False, "try again", True, 0),
    (REFUSED, "do", REFUSED, False, "expired", False, 0),
    (REFUSED, "undo", REFUSED, True, "", False, 0),
    (UNDONE, "do", UNDONE, False, "undone", True, 0),
    (UNDONE, "undo", UNDONE, True, "", True, 0),
    (VOID, "do", VOID, False, "void", False, 0),
    (VOID, "undo", VOID, True, "", False, 0),
]
ORCHESTRATED = [
    (service, *cell)
    for service in contract.PARTICIPANTS
    for cell in ORCHESTRATION
    if service in UNDOING or (cell[0] in (NONE, DONE, REFUSED) and cell[1] == "do")
]


@pytest.mark.parametrize(
    ("service", "stored", "heard", "then", "ok", "reason", "has_id", "effects"), ORCHESTRATED
)
def test_orchestration(
    service: str,
    stored: Outcome | None,
    heard: str,
    then: Outcome | None,
    ok: bool,
    reason: str,
    has_id: bool,
    effects: int,
) -> None:
    world = reach(service, "orch", stored)
    world.undo_fail_rate = 1.0 if heard.startswith("failing") else 0.0
    message = do(service, "orch") if heard == "do" else undo(service, "orch")
    (reply,) = world.hear(message)
    assert world.outcome is then
    assert reply.DESCRIPTOR.name == f"{service.capitalize()}Reply"
    assert (reply.saga_id, reply.action) == (SAGA, message.action)
    assert (reply.ok, reply.reason) == (ok, reason)
    reference = {"payment": "payment_id", "inventory": "reservation_id", "shipment": "shipment_id"}
    assert getattr(reply, reference[service]) == ("id-1" if has_id else "")
    assert len(world.effects) == effects


def test_orchestration_counts_a_failed_undo_and_then_does_it() -> None:
    world = reach("payment", "orch", DONE)
    world.undo_fail_rate = 1.0
    for _ in range(20):
        assert not world.hear(undo("payment", "orch"))[0].ok
    assert (world.rows[SAGA].attempts, world.rows[SAGA].parked) == (20, False)
    world.undo_fail_rate = 0.0
    assert world.hear(undo("payment", "orch"))[0].ok
    assert len(world.effects) == 1


# ---------------------------------------------------------------- what holds for all of them

EVERY = [(s, m) for s in contract.PARTICIPANTS for m in ("choreo", "orch")]


@pytest.mark.parametrize(("service", "mode"), EVERY)
def test_a_message_of_the_other_mode_is_not_answered(service: str, mode: str) -> None:
    world = reach(service, mode, DONE)
    other = "orch" if mode == "choreo" else "choreo"
    wire = WIRES[service](world.odds)
    message = do(service, other)
    folded = world.fold([wire.read(topic_of(message), message.SerializeToString())])
    assert [r.reason for r in folded.rejected] == [Reason.OTHER_MODE]
    assert not folded.answers
    assert not folded.changed


@pytest.mark.parametrize("mode", ["choreo", "orch"])
@pytest.mark.parametrize("service", UNDOING)
def test_another_amount_is_not_answered(service: str, mode: str) -> None:
    world = World(service)
    world.hear(do(service, mode, amount_cents=500))
    wire = WIRES[service](world.odds)
    message = do(service, mode, amount_cents=501)
    folded = world.fold([wire.read(topic_of(message), message.SerializeToString())])
    assert [r.reason for r in folded.rejected] == [Reason.CONTRADICTION]
    assert "500" in folded.rejected[0].detail
    assert not folded.answers
    assert not folded.changed


@pytest.mark.parametrize(("service", "mode"), EVERY)
def test_out_of_bounds_is_refused_and_stored(service: str, mode: str) -> None:
    world = World(service)
    (answer,) = world.hear(do(service, mode, quantity=5_000))
    assert answer.reason == "quantity is 5000, must be 0..1000 (0 means 1)"
    assert world.outcome is REFUSED


@pytest.mark.parametrize(("service", "mode"), EVERY)
def test_a_deadline_counts_only_where_there_is_no_row(service: str, mode: str) -> None:
    assert World(service).hear(do(service, mode, deadline=NOW))[0].reason == "expired"
    world = World(service)
    first = world.hear(do(service, mode, deadline=NOW + timedelta(seconds=1)))
    world.now += timedelta(seconds=2)
    again = world.hear(do(service, mode, deadline=NOW + timedelta(seconds=1)))
    assert [m.SerializeToString() for m in first] == [m.SerializeToString() for m in again]
    assert world.outcome is DONE


REFUSALS = {
    "payment": "card declined",
    "inventory": "out of stock",
    "shipment": "no courier capacity",
}


@pytest.mark.parametrize(("service", "mode"), EVERY)
def test_an_injected_fault_says_the_participants_word(service: str, mode: str) -> None:
    (answer,) = World(service).hear(do(service, mode, faults=f"{service}=100"))
    assert answer.reason == REFUSALS[service]


@pytest.mark.parametrize("mode", ["choreo", "orch"])
@pytest.mark.parametrize("service", UNDOING)
def test_a_batch_is_folded_in_order(service: str, mode: str) -> None:
    message, take_back = do(service, mode), undo(service, mode)
    one_batch, one_by_one = World(service), World(service)
    together = one_batch.hear(message, take_back, message, take_back)
    apart = [m for one in (message, take_back, message, take_back) for m in one_by_one.hear(one)]
    assert [m.SerializeToString() for m in together] == [m.SerializeToString() for m in apart]
    assert one_batch.effects == one_by_one.effects
    assert len(one_batch.effects) == 2


@pytest.mark.parametrize("service", UNDOING)
def test_an_owed_undo_is_parked_and_waits_for_a_person(service: str) -> None:
    world = reach(service, "choreo", OWED)
    world.park_after_attempts = 3
    for _ in range(5):
        assert world.insist() == []
    row = world.rows[SAGA]
    assert (row.outcome, row.attempts, row.parked) == (OWED, 3, True)
    world.undo_fail_rate = 0.0
    assert world.insist() == []


@pytest.mark.parametrize("service", UNDOING)
def test_an_insisted_undo_has_a_new_draw_each_time(service: str) -> None:
    world = reach(service, "choreo", DONE)
    world.undo_fail_rate = 0.9
    world.park_after_attempts = 1_000
    said = world.hear(undo(service, "choreo"))
    for _ in range(200):
        said += world.insist()
    assert [m.DESCRIPTOR.name for m in said] == [UNDID[service]]
    assert said[0].reason == "no courier capacity"


def test_payment_refunds_once_though_it_hears_two_causes() -> None:
    world = reach("payment", "choreo", DONE)
    world.hear(InventoryFailed(saga_id=SAGA, reason="out of stock"), undo("payment", "choreo"))
    assert [effect.kind for effect in world.effects] == ["refund"]
    assert world.rows[SAGA].reason == "out of stock"


@pytest.mark.parametrize("service", ["payment", "inventory"])
def test_what_was_ordered_is_passed_on(service: str) -> None:
    deadline = NOW + timedelta(minutes=1, microseconds=7)
    terms = {"drink": "geisha", "quantity": 3, "faults": "shipment=30", "deadline": deadline}
    (said,) = World(service).hear(do(service, "choreo", **terms))
    assert (said.drink, said.quantity, said.faults) == ("geisha", 3, "shipment=30")
    assert said.deadline.ToDatetime(tzinfo=UTC) == deadline
    assert said.occurred_at.ToDatetime(tzinfo=UTC) == NOW


@pytest.mark.parametrize(
    ("part", "service"),
    [
        (payment.participant, "payment"),
        (inventory.participant, "inventory"),
        (shipment.participant, "shipment"),
    ],
)
def test_the_tables_agree_with_the_contract(part: Any, service: str) -> None:
    for table, mode in (
        (part.CHOREOGRAPHY, contract.Mode.CHOREO),
        (part.ORCHESTRATION, contract.Mode.ORCH),
    ):
        assert set(table.topics) == {t.name for t in contract.heard_by(service, mode)}
    said = {t.name for t in contract.said_by(service, contract.Mode.CHOREO)}
    assert set(part.CHOREOGRAPHY.says.values()) == said
    assert {part.ORCHESTRATION.replies} == {
        t.name for t in contract.said_by(service, contract.Mode.ORCH)
    }


@pytest.mark.parametrize("main", MAINS)
def test_the_messages_are_those_of_the_contract(main: Any) -> None:
    service = main.BLUEPRINT.choreography.service
    messages = main.BLUEPRINT.wire.args[-1]

    def names(topics: tuple[contract.Topic, ...]) -> list[str]:
        return sorted(topic.message for topic in topics)

    for types, ask in ((messages.hears, contract.heard_by), (messages.says, contract.said_by)):
        assert sorted(t.DESCRIPTOR.name for t in types) == names(ask(service, contract.Mode.CHOREO))
    commands = [messages.command.DESCRIPTOR.name, messages.reply.DESCRIPTOR.name]
    heard, said = (
        ask(service, contract.Mode.ORCH) for ask in (contract.heard_by, contract.said_by)
    )
    assert commands == names(heard) + names(said)


@pytest.mark.parametrize("main", MAINS)
def test_a_table_that_lacks_a_message_makes_no_wire(main: Any) -> None:
    choreography, orchestration, messages = main.BLUEPRINT.wire.args
    lacking = replace(messages, says=messages.says[1:])
    with pytest.raises(KeyError, match=messages.says[0].DESCRIPTOR.name):
        ParticipantWire(choreography, orchestration, lacking, World("payment").odds)


@pytest.mark.parametrize("main", MAINS)
def test_a_service_has_a_handler_a_mode_and_the_undos_it_owes(main: Any) -> None:
    service = main.BLUEPRINT.choreography.service
    settings = KitSettings(database_url="", mode="both")
    spec = main.BLUEPRINT.service(settings, World(service).odds)
    metrics = Metrics(spec.metrics)
    parts = spec.build(Runtime(service, settings, None, None, metrics, Switchboard()))
    assert [(h.service, h.mode) for h in parts.handlers] == [(service, "choreo"), (service, "orch")]
    assert len(parts.dues) == (service in UNDOING)
    first, second = main.BLUEPRINT.new_reference(), main.BLUEPRINT.new_reference()
    assert first != second
    assert first.startswith(main.BLUEPRINT.reference_prefix)
    written = first.removeprefix(main.BLUEPRINT.reference_prefix)
    assert (str(UUID(written)), UUID(written).version) == (written, 4)
    assert UUID(written).variant == RFC_4122
