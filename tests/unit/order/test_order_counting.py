"""What order counts of choreographed sagas, also where events come out of order."""

import pytest

from order.counting import in_flight, moved, placed, said_again, told
from order.domain import Heard, Standing, hear
from order.store_follow import Ended
from order.store_orders import NewOrder
from saga.contract import Mode
from saga.terms import Terms
from sagakit.shell.tally import Tally
from unit.observed import counts, samples

MODE = "choreography"


def heard(*events: str, reason: str = "out of stock") -> Tally:
    tally, standing, seconds = Tally(), Standing(), 2.0
    for event in events:
        one = Heard("s-1", event, reason=reason if event.endswith("failed") else "")
        before = standing
        standing, _ = hear(before, one)
        if standing.current_step != before.current_step:
            moved(tally, before, standing, one, seconds)
            seconds = 0.0
    return tally


FORWARD = ("payment-completed", "inventory-reserved")
BACK = ("shipment-failed", "inventory-released", "payment-refunded")


def test_each_step_of_a_cascade_is_sampled_once_and_it_turned_back_once() -> None:
    seen = heard(*FORWARD, *BACK, reason="no courier capacity").observations()
    assert samples(seen, "step_duration_seconds") == {
        (MODE, "payment", "ok"): [2.0],
        (MODE, "inventory", "ok"): [0.0],
        (MODE, "shipment", "refused"): [0.0],
        (MODE, "release", "ok"): [0.0],
        (MODE, "refund", "ok"): [0.0],
    }
    triggered = {(MODE, "shipment", "no_courier_capacity"): 1.0}
    assert counts(seen, "compensations_triggered_total") == triggered
    assert counts(seen, "transitions_total") == {
        (MODE, "AWAITING_PAYMENT", "AWAITING_INVENTORY"): 1.0,
        (MODE, "AWAITING_INVENTORY", "AWAITING_SHIPMENT"): 1.0,
        (MODE, "AWAITING_SHIPMENT", "COMPENSATING_INVENTORY"): 1.0,
        (MODE, "COMPENSATING_INVENTORY", "COMPENSATING_PAYMENT"): 1.0,
        (MODE, "COMPENSATING_PAYMENT", "DONE/FAILED"): 1.0,
    }


@pytest.mark.parametrize(
    ("events", "trigger"),
    [
        (("inventory-failed", "payment-completed", "payment-refunded"), "inventory"),
        (("payment-completed", "shipment-failed", "inventory-reserved"), "shipment"),
        (("inventory-reserved", "inventory-released", "shipment-failed"), "shipment"),
        (("inventory-reserved", "payment-refunded", "shipment-failed"), "shipment"),
    ],
)
def test_it_turned_back_once_whatever_is_heard_first(events: tuple[str, ...], trigger: str) -> None:
    seen = counts(heard(*events).observations(), "compensations_triggered_total")
    assert [labels[1] for labels in seen] == [trigger]
    assert sum(seen.values()) == 1.0


def test_a_step_that_was_overtaken_has_no_time() -> None:
    seen = heard("inventory-reserved", "payment-completed", "shipment-scheduled").observations()
    assert samples(seen, "step_duration_seconds") == {(MODE, "shipment", "ok"): [0.0]}


def test_a_refused_payment_turned_nothing_back() -> None:
    seen = heard("payment-failed", reason="card declined").observations()
    assert counts(seen, "compensations_triggered_total") == {}
    assert samples(seen, "step_duration_seconds") == {(MODE, "payment", "refused"): [2.0]}


def test_orders_of_a_batch_are_one_observation_a_label_set() -> None:
    def order(number: int, mode: Mode) -> NewOrder:
        return NewOrder(f"s-{number}", mode, Terms(), None)  # type: ignore[arg-type]

    orders = [order(number, Mode.ORCH) for number in range(300)] + [order(300, Mode.CHOREO)]
    seen = placed(orders)
    assert len(seen) == 3
    started = {("orchestration",): 300.0, ("choreography",): 1.0}
    assert counts(seen, "sagas_started_total") == started


def test_what_the_orchestrator_told_is_counted_once_a_saga() -> None:
    seen = told([Ended("a", "completed", 1.0), Ended("b", "completed", 3.0)])
    assert counts(seen, "sagas_finished_total") == {("orchestration", "completed"): 2.0}
    lasted = {("orchestration", "completed"): [1.0, 3.0]}
    assert samples(seen, "saga_duration_seconds") == lasted


def test_what_is_said_again_is_counted_by_the_step_that_owes() -> None:
    orders = [(Mode.CHOREO, "AWAITING_SHIPMENT")] * 2 + [(Mode.ORCH, "AWAITING_PAYMENT")]
    assert counts(said_again(orders), "step_retries_total") == {
        ("choreography", "shipment", "silence"): 2.0,
        ("orchestration", "payment", "silence"): 1.0,
    }


def test_a_step_without_orders_reads_0_and_has_no_oldest() -> None:
    gauges = in_flight([("AWAITING_SHIPMENT", 3, 17.0)])
    assert gauges["oldest_in_flight_saga_timestamp_seconds"] == {(MODE, "shipment"): 17.0}
    flying = gauges["sagas_in_flight"]
    assert len(flying) == 5
    assert {labels: n for labels, n in flying.items() if n} == {(MODE, "shipment"): 3}
