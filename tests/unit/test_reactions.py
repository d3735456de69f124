"""The choreography, put together from the participants' tables: no loop, nothing unheard."""

from dataclasses import replace

from brewsaga import graphs
from saga import contract
from sagakit.core import reactions
from sagakit.core.participant import Ask, Word

PARTS = graphs.CHOREOGRAPHY


def test_no_saga_can_run_in_a_circle() -> None:
    assert reactions.find_loop(PARTS) == ()


def test_a_loop_is_named() -> None:
    astray = replace(PARTS[0], hears={**PARTS[0].hears, contract.SHIPMENT_SCHEDULED.name: Ask.DO})
    loop = reactions.find_loop([astray, *PARTS[1:]])
    assert loop[0] == loop[-1]
    assert contract.SHIPMENT_SCHEDULED.name in loop


def test_whatever_is_heard_is_said_by_someone() -> None:
    assert reactions.heard_but_never_said(PARTS, [contract.ORDER_REQUESTED.name]) == set()
    missing = reactions.heard_but_never_said(PARTS[:2], [contract.ORDER_REQUESTED.name])
    assert missing == {contract.SHIPMENT_FAILED.name}


def test_whatever_is_said_is_heard_by_someone() -> None:
    ends = {topic.name for topic in contract.heard_by("order", contract.Mode.CHOREO)}
    assert reactions.said_but_never_heard(PARTS, ends) == set()
    assert contract.PAYMENT_REFUNDED.name in reactions.said_but_never_heard(PARTS, [])


def test_the_graph_shows_what_follows_when_nothing_comes_late() -> None:
    graph = reactions.mermaid(PARTS)
    assert graph.startswith("graph LR\n")
    assert (
        "order_requested[order-requested] -->|payment| payment_completed[payment-completed]"
        in graph
    )
    assert "shipment_failed[shipment-failed] -->|inventory| inventory_released" in graph
    assert "order_requested[order-requested] -->|payment| payment_refunded" not in graph
    late = {(e.heard, e.said) for e in reactions.edges(PARTS) if e.late}
    said = PARTS[0].says[Word.UNDONE]
    assert (contract.ORDER_REQUESTED.name, said) in late
