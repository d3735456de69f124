"""What a batch's progress comes to, from what was heard."""

from order.counting import ENDS_STEP
from order.progress import FAILURES_MAX, Failure, StepsTold, of_events, percentile, summed
from saga.contract import STEP_NAMES


def test_events_are_ends_of_steps_and_the_request_is_none() -> None:
    told = of_events([("order-requested", [3]), ("payment-completed", [5, 7])])
    assert told == [("payment", "ok", [5, 7])]
    assert len(of_events([(event, [1]) for event in ENDS_STEP])) == len(ENDS_STEP)


def test_an_undo_counts_for_the_step_that_it_takes_back() -> None:
    told = StepsTold(
        [
            ("payment", "ok", [10, 20, 30]),
            ("payment", "refused", [40]),
            ("inventory", "refused", [5]),
            ("refund", "ok", [9]),
            ("release", "ok", [8, 8]),
        ]
    )
    steps = {one.name: one for one in summed([told])[0]}
    assert tuple(steps) == STEP_NAMES
    payment, inventory = steps["payment"], steps["inventory"]
    assert (payment.done, payment.refused, payment.compensated) == (3, 1, 1)
    assert (inventory.done, inventory.refused, inventory.compensated) == (0, 1, 2)
    assert payment.told()["p50_ms"] == 20
    assert payment.told()["p99_ms"] == 40
    assert steps["shipment"].told()["p50_ms"] is None


def test_pages_are_added_up_and_a_saga_fails_once() -> None:
    page = StepsTold([("shipment", "ok", [1])], [Failure("a", "shipment", "no courier capacity")])
    many = StepsTold(failures=[Failure(str(n), "payment", "card declined") for n in range(20)])
    steps, failures = summed([page, page, many])
    assert next(one.done for one in steps if one.name == "shipment") == 2
    assert len(failures) == FAILURES_MAX
    assert [one.saga_id for one in failures].count("a") == 1


def test_a_percentile_is_one_of_the_numbers() -> None:
    assert percentile([], 50) is None
    assert percentile([4], 99) == 4
    assert percentile(list(range(1, 101)), 50) == 50
    assert percentile(list(range(1, 101)), 99) == 99
