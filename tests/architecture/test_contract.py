"""The one list of topics is the contract's, and every service's own table agrees with it."""

from importlib import import_module

import pytest

from orchestrator.brew import BREW, FLOW
from saga import contract
from saga.contract import DATABASES, STEPS, TOPICS, Mode, heard_by, said_by
from sagakit.core.participant import Ask
from sagakit.core.reactions import (
    find_loop,
    heard_but_never_said,
    said_but_never_heard,
)

PARTICIPANTS = {name: import_module(f"{name}.participant") for name in contract.PARTICIPANTS}
OWNERS = {word.name: word.owed_by for word in STEPS}
CHOREOGRAPHIES = [module.CHOREOGRAPHY for module in PARTICIPANTS.values()]

CONTRACT = {
    # topic: message, said by, heard by - copied from the contract by hand
    "choreo.order-requested": ("OrderRequested", "order", {"payment", "order"}),
    "choreo.payment-completed": ("PaymentCompleted", "payment", {"inventory", "order"}),
    "choreo.payment-failed": ("PaymentFailed", "payment", {"order"}),
    "choreo.payment-refunded": ("PaymentRefunded", "payment", {"order"}),
    "choreo.inventory-reserved": ("InventoryReserved", "inventory", {"shipment", "order"}),
    "choreo.inventory-failed": ("InventoryFailed", "inventory", {"payment", "order"}),
    "choreo.inventory-released": ("InventoryReleased", "inventory", {"payment", "order"}),
    "choreo.shipment-scheduled": ("ShipmentScheduled", "shipment", {"order"}),
    "choreo.shipment-failed": ("ShipmentFailed", "shipment", {"inventory", "order"}),
    "orch.place-order": ("PlaceOrder", "order", {"orchestrator"}),
    "orch.payment-cmd": ("PaymentCommand", "orchestrator", {"payment"}),
    "orch.payment-reply": ("PaymentReply", "payment", {"orchestrator"}),
    "orch.inventory-cmd": ("InventoryCommand", "orchestrator", {"inventory"}),
    "orch.inventory-reply": ("InventoryReply", "inventory", {"orchestrator"}),
    "orch.shipment-cmd": ("ShipmentCommand", "orchestrator", {"shipment"}),
    "orch.shipment-reply": ("ShipmentReply", "shipment", {"orchestrator"}),
}


def test_the_topics_are_the_contract_s_nine_and_seven() -> None:
    found = {topic.name: (topic.message, topic.said_by, set(topic.heard_by)) for topic in TOPICS}
    assert found == CONTRACT
    assert sum(topic.mode is Mode.CHOREO for topic in TOPICS) == 9
    assert sum(topic.mode is Mode.ORCH for topic in TOPICS) == 7


def test_every_topic_stands_in_the_list() -> None:
    named = {value for value in vars(contract).values() if isinstance(value, contract.Topic)}
    assert named == set(TOPICS), "add it to TOPICS in saga/contract.py"


def test_all_topics_have_the_prefix_and_a_dead_letter_topic_a_group() -> None:
    names = contract.all_topics("lecture-")
    assert len(names) == len(set(names))
    assert {name for name in names if ".dlq." not in name} >= {f"lecture-{n}" for n in CONTRACT}
    dead = {name.removeprefix("lecture-dlq.") for name in names if "dlq." in name}
    participants = {f"{name}-{mode}" for name in PARTICIPANTS for mode in ("choreo", "orch")}
    assert dead == participants | {"order-choreo", "orchestrator-orch"}


@pytest.mark.parametrize("service", sorted(PARTICIPANTS))
def test_a_participant_hears_and_says_what_the_contract_lists(service: str) -> None:
    module = PARTICIPANTS[service]
    assert service == module.SERVICE
    choreography, orchestration = module.CHOREOGRAPHY, module.ORCHESTRATION
    assert set(choreography.hears) == {t.name for t in heard_by(service, Mode.CHOREO)}
    assert set(choreography.says.values()) == {t.name for t in said_by(service, Mode.CHOREO)}
    assert set(orchestration.topics) == {t.name for t in heard_by(service, Mode.ORCH)}
    assert {orchestration.replies} == {t.name for t in said_by(service, Mode.ORCH)}


def test_the_orchestrator_s_steps_are_the_participants_actions() -> None:
    assert [step.name for step in BREW] == list(contract.STEP_NAMES)
    for step in BREW:
        expected = {step.action: Ask.DO}
        if step.compensation is not None:
            expected[step.compensation] = Ask.UNDO
        assert PARTICIPANTS[OWNERS[step.name]].ORCHESTRATION.actions == expected


def test_the_vocabulary_of_steps_has_every_state_of_the_orchestrator() -> None:
    running = {state.name: state.awaits for state in FLOW.states.values() if state.awaits}
    assert {word.current_step for word in STEPS} == set(running)
    for word in STEPS:
        assert OWNERS[running[word.current_step].step] == word.owed_by
    assert {word.owed_by for word in STEPS} <= set(DATABASES)


def test_every_event_of_choreography_has_its_place_or_is_an_end() -> None:
    placed = {topic.name for word in STEPS for topic in word.reached_by}
    ends = {"choreo.payment-failed", "choreo.payment-refunded", "choreo.shipment-scheduled"}
    assert placed | ends == {topic.name for topic in TOPICS if topic.mode is Mode.CHOREO}
    assert not placed & ends


def test_the_choreography_has_no_loop_and_no_loose_end() -> None:
    others_say = {topic.name for topic in said_by("order", Mode.CHOREO)}
    others_hear = {topic.name for topic in heard_by("order", Mode.CHOREO)}
    assert find_loop(CHOREOGRAPHIES) == ()
    assert heard_but_never_said(CHOREOGRAPHIES, others_say) == set()
    assert said_but_never_heard(CHOREOGRAPHIES, others_hear) == set()
