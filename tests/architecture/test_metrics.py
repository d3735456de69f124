"""Every metric is declared once, counted by who exports it, and begins at 0 where that is known."""

import ast
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import generate_latest

import inventory.__main__
import orchestrator.__main__
import order.__main__
import payment.__main__
import shipment.__main__
from architecture.sources import name_of, written
from inventory.settings import InventorySettings
from orchestrator.settings import OrchestratorSettings
from order.settings import OrderSettings
from payment.settings import PaymentSettings
from saga import contract, judgement, metrics
from sagakit.shell.metrics import LOOP, Metrics, known_of_loop
from sagakit.shell.run import ServiceSpec
from shipment.settings import ShipmentSettings

SPECS: dict[str, Callable[[], ServiceSpec]] = {
    "payment": lambda: payment.__main__.describe(PaymentSettings()),
    "inventory": lambda: inventory.__main__.describe(InventorySettings()),
    "shipment": lambda: shipment.__main__.describe(ShipmentSettings()),
    "order": lambda: order.__main__.describe(OrderSettings()),
    "orchestrator": lambda: orchestrator.__main__.describe(OrchestratorSettings()),
}
BUSINESS = {declaration.name for declaration in metrics.BUSINESS}
OF_LOOP = {declaration.name for declaration in LOOP}
OBSERVING = {"observe", "drop"}


def trees(under: str) -> Iterator[tuple[str, ast.Module]]:
    for path in written(".py", under=under):
        yield name_of(path), ast.parse(path.read_text())


def used(folder: str) -> set[str]:
    """The names of the register that the code in a folder counts by."""
    return {
        getattr(metrics, node.attr)
        for _, tree in trees(folder)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "metrics"
        and getattr(metrics, node.attr, None) in BUSINESS
    }


def test_every_service_is_looked_at() -> None:
    assert set(SPECS) == set(contract.DATABASES), "add it to SPECS here"


@pytest.mark.parametrize("service", SPECS)
def test_a_service_counts_what_it_exports_and_nothing_else(service: str) -> None:
    assert used(f"services/{service}/") == set(metrics.EXPORTED[service])


def test_the_operator_counts_what_it_exports_and_nothing_else() -> None:
    assert used("operator/brewsaga_operator/") == set(metrics.EXPORTED["operator"])


def test_every_declared_name_is_counted_somewhere() -> None:
    exported = {name for service in metrics.EXPORTED.values() for name in service}
    assert exported == BUSINESS
    assert len(metrics.EVERY) == len(BUSINESS | OF_LOOP)


def test_no_name_is_written_outside_its_register() -> None:
    """So that a name which is counted is always one that is declared."""
    written_again = [
        f"{where}:{node.lineno} {node.value}"
        for where, tree in trees("services/")
        if where != "services/saga/metrics.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in BUSINESS
    ]
    assert not written_again, written_again


def test_the_loop_counts_what_is_declared_for_it() -> None:
    counted = {
        node.args[0].value
        for _, tree in trees("services/sagakit/shell/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and (getattr(node.func, "attr", None) or getattr(node.func, "id", None)) in OBSERVING
    }
    assert counted == OF_LOOP


@pytest.mark.parametrize("service", SPECS)
def test_what_is_known_begins_at_0(service: str) -> None:
    spec = SPECS[service]()
    built = Metrics(spec.metrics)
    shown = series(built)
    for declaration in spec.metrics:
        suffix = "_count" if declaration.kind == "histogram" else ""
        for labels in declaration.known:
            pairs = zip(declaration.labels, labels, strict=True)
            key = (f"brewsaga_{declaration.name}{suffix}", frozenset(pairs))
            assert shown.get(key) == 0.0, key
    of_business = {name for name, _ in shown if name.startswith("brewsaga_sagas_")}
    assert ("brewsaga_sagas_started_total" in of_business) is (service == "order")


@pytest.mark.parametrize("service", ["order", "orchestrator"])
def test_transitions_that_are_known_begin_at_0(service: str) -> None:
    declared = {one.name: one.known for one in SPECS[service]().metrics}
    targets = {target for _, _, target in declared[metrics.TRANSITIONS]}
    assert targets >= {step.current_step for step in contract.STEPS}
    assert targets >= {"DONE/SUCCESS", "DONE/FAILED"}


def test_what_the_loop_can_count_begins_at_0() -> None:
    built = Metrics()
    built.begin(known_of_loop("order", "choreo", ("choreo.a", "choreo.b")))
    shown, place = series(built), {"service": "order", "topic": "choreo.a"}
    for name, labels in [
        ("messages_processed_total", {**place, "outcome": "ok"}),
        ("messages_processed_total", {**place, "topic": "several", "outcome": "duplicate"}),
        ("message_transit_seconds_count", {**place, "outcome": "ok"}),
        ("dead_letters_total", {**place, "reason": "oversized"}),
        ("late_events_total", {"mode": "choreography", "topic": "choreo.b"}),
    ]:
        assert shown[f"brewsaga_{name}", frozenset(labels.items())] == 0.0


def series(built: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in built.registry.collect()
        for sample in family.samples
    }


def test_a_series_that_was_dropped_begins_anew() -> None:
    built = Metrics()
    labels = ("order",)
    built.observe("outbox_oldest_pending_timestamp_seconds", labels, 7.0)
    built.drop("outbox_oldest_pending_timestamp_seconds", labels)
    assert b"oldest_pending_timestamp_seconds{" not in generate_latest(built.registry)
    built.observe("outbox_oldest_pending_timestamp_seconds", labels, 8.0)
    assert b'oldest_pending_timestamp_seconds{service="order"} 8.0' in generate_latest(
        built.registry
    )


def test_every_refusal_of_ours_has_its_own_label() -> None:
    words = {
        payment.domain.CARD_DECLINED,
        inventory.domain.OUT_OF_STOCK,
        shipment.domain.NO_COURIER_CAPACITY,
        judgement.EXPIRED,
        orchestrator.domain.CANCELLED,
        *("void", "undone"),  # the kit's own, of a do that comes after its undo
    }
    assert words <= set(metrics.REFUSALS)
    assert metrics.reason_label("card declined") == "card_declined"
    assert metrics.reason_label("amount_cents is -5, must be 1..100000000") == metrics.OTHER
    assert metrics.reason_label("") == metrics.OTHER
