"""The batch handler over tables in memory: adoption, dead letters, duplicates."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from order import store
from order.domain import Heard, Standing, Status
from order.handler import Timeline
from order.store import Stored
from saga.contract import Outcome
from saga.terms import Terms
from saga.v1.saga_pb2 import PaymentCompleted
from sagakit.core.deadletters import Reason
from sagakit.shell.ports import Handled, Message, Record
from unit.order.order_tables import Tables, in_memory

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TERMS = Terms("anna", 300, "EUR")


@pytest.fixture
def tables() -> Iterator[Tables]:
    with in_memory() as tables:
        yield tables


def place(tables: Tables, saga_id: str, mode: str = "choreo") -> None:
    tables.orders[saga_id] = Stored(saga_id, mode, TERMS, Standing(), 1, 2.5, 1.5)


async def hear(*heards: Heard) -> Handled:
    timeline = Timeline(resay_after_seconds=5.0, utc_now=lambda: NOW)
    messages = [
        Message(Record(f"choreo.{heard.event}", 0, offset, None, b"-"), heard)
        for offset, heard in enumerate(heards)
    ]
    handled = await timeline.handle(None, messages)  # type: ignore[arg-type]
    handled.measured = [one.rows or 0 for one in handled.writes]
    await timeline.committed(None, handled)  # type: ignore[arg-type]
    return handled


def requested(saga_id: str = "s-1", amount_cents: int = 300) -> Heard:
    return Heard(saga_id, "order-requested", terms=TERMS._replace(amount_cents=amount_cents))


async def test_a_whole_saga_in_one_batch_is_written_once(tables: Tables) -> None:
    place(tables, "s-1")
    steps = ("payment-completed", "inventory-reserved", "shipment-scheduled")
    handled = await hear(requested(), *(Heard("s-1", step) for step in steps))
    stored = tables.orders["s-1"]
    assert (stored.standing.outcome, stored.version) == (Outcome.COMPLETED, 2)
    assert handled.after_commit == ["s-1"]
    assert ("saga_duration_seconds", ("choreography", "completed"), 2.5) in handled.observations
    assert len(tables.events) == 4
    assert handled.outgoing == []


async def test_a_saga_is_adopted_with_what_was_heard_before(tables: Tables) -> None:
    await hear(Heard("s-1", "payment-completed"), Heard("s-1", "shipment-scheduled"))
    assert tables.orders == {}
    handled = await hear(requested())
    order = tables.adopted["s-1"]
    assert order.adopted
    assert order.standing.status is Status.SUCCESS
    assert order.occurred_at == NOW
    assert ("sagas_started_total", ("choreography",), 1.0) in handled.observations


async def test_what_overtakes_the_request_in_one_batch_is_folded_in(tables: Tables) -> None:
    await hear(Heard("s-1", "payment-failed", reason="card declined"), requested())
    standing = tables.orders["s-1"].standing
    assert (standing.outcome, standing.failure_reason) == (Outcome.REJECTED, "card declined")


async def test_a_saga_of_the_other_mode_is_a_dead_letter(tables: Tables) -> None:
    place(tables, "s-1", "orch")
    handled = await hear(requested())
    assert [dead.reason for dead in handled.dead] == [Reason.OTHER_MODE]
    assert tables.events == {}


async def test_another_amount_is_a_dead_letter_and_no_event(tables: Tables) -> None:
    place(tables, "s-1")
    handled = await hear(requested(amount_cents=301), Heard("s-1", "payment-completed"))
    assert [dead.reason for dead in handled.dead] == [Reason.CONTRADICTION]
    assert list(tables.events) == [("s-1", "payment-completed")]


def paid(amount_cents: int, currency: str) -> Heard:
    """Payment-completed as order reads it from Kafka."""
    message = PaymentCompleted(saga_id="s-1", amount_cents=amount_cents, currency=currency)
    record = Record("choreo.payment-completed", 0, 0, None, message.SerializeToString())
    return Timeline(resay_after_seconds=5.0, utc_now=lambda: NOW).decode(record)


@pytest.mark.parametrize(("cents", "currency"), [(301, "EUR"), (-300, "EUR"), (300, "USD")])
async def test_another_amount_than_was_ordered_was_not_paid(
    tables: Tables, cents: int, currency: str
) -> None:
    place(tables, "s-1")
    handled = await hear(paid(cents, currency))
    assert [dead.reason for dead in handled.dead] == [Reason.CONTRADICTION]
    assert handled.dead[0].saga_id == "s-1"
    assert tables.events == {}
    assert tables.orders["s-1"].standing == Standing()


@pytest.mark.parametrize(("cents", "currency"), [(300, "EUR"), (0, "EUR"), (300, ""), (0, "")])
async def test_what_a_foreign_payment_leaves_out_contradicts_nothing(
    tables: Tables, cents: int, currency: str
) -> None:
    place(tables, "s-1")
    handled = await hear(paid(cents, currency))
    assert handled.dead == []
    assert tables.orders["s-1"].standing.current_step == "AWAITING_INVENTORY"


async def test_an_adopted_saga_is_held_to_its_amount_by_what_is_paid_in_the_same_batch(
    tables: Tables,
) -> None:
    handled = await hear(paid(301, "EUR"), requested())
    assert [dead.reason for dead in handled.dead] == [Reason.CONTRADICTION]
    assert list(tables.events) == [("s-1", "order-requested")]


async def test_an_adopted_saga_is_held_to_its_first_amount(tables: Tables) -> None:
    handled = await hear(requested(), requested(amount_cents=999))
    assert [dead.reason for dead in handled.dead] == [Reason.CONTRADICTION]
    assert tables.adopted["s-1"].terms.amount_cents == 300


async def test_duplicates_late_events_and_violations_are_counted(tables: Tables) -> None:
    place(tables, "s-1")
    await hear(Heard("s-1", "shipment-scheduled"))
    again = await hear(Heard("s-1", "shipment-scheduled"), Heard("s-1", "shipment-scheduled"))
    assert again.duplicates == 2
    late = await hear(Heard("s-1", "payment-completed"), Heard("s-1", "payment-refunded"))
    assert late.late == 1
    violation = ("invariant_violations_total", ("choreography", "one_end"), 1.0)
    assert late.observations == [violation]
    assert tables.orders["s-1"].standing.outcome is Outcome.COMPLETED


def test_what_moves_is_guarded_by_the_version_that_was_loaded() -> None:
    stored = Stored("s-1", "choreo", TERMS, Standing(), 7, 2.5, 1.5)
    (moved,) = store.moves([(stored, Standing(Status.SUCCESS))], 5.0)
    assert moved.values[:2] == ["s-1", 7]
    assert moved.rows == 1
