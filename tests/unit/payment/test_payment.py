"""Payment's own rules: money moves in pairs, and what the settings call it."""

from datetime import UTC, datetime
from typing import cast

import pytest

from payment.domain import Account, Cashier, Kind, Movement
from payment.settings import PaymentSettings
from payment.wire import PaymentWire
from saga.terms import Terms
from saga.v1.saga_pb2 import OrderRequested, PaymentAction, PaymentCommand
from sagakit.core.chance import Odds
from sagakit.core.deadletters import Poison, Reason
from sagakit.core.participant import Ask, Heard, Outcome, Row

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ODDS = Odds("payment", "refund", "seed")


@pytest.mark.parametrize("kind", Kind)
def test_the_two_entries_sum_to_zero(kind: Kind) -> None:
    entries = dict(Movement("s", kind, 500, "EUR").entries())
    assert sum(entries.values()) == 0
    assert entries[Account.SHOP] == (500 if kind is Kind.CHARGE else -500)


def test_a_refund_gives_back_what_was_charged() -> None:
    cashier = Cashier(NOW, ODDS, lambda: "pay-1")
    row = Row("s", "choreo", Outcome.UNDONE, Terms(amount_cents=700, currency="EUR"), NOW)
    assert cashier.undid(row) == Movement("s", Kind.REFUND, 700, "EUR")


@pytest.mark.parametrize("amount", [0, -1, 100_000_001, None])
def test_an_amount_out_of_bounds_is_refused(amount: int | None) -> None:
    cashier = Cashier(NOW, ODDS, lambda: "pay-1")
    refusal = cashier.refusal(Heard("s", "orch", Ask.DO, Terms(amount_cents=amount)))
    assert refusal is not None
    assert "amount_cents" in refusal


def test_a_refund_without_an_amount_says_nothing_of_it() -> None:
    wire = PaymentWire(ODDS)
    command = PaymentCommand(saga_id="s", action="PAYMENT_ACTION_REFUND")
    assert wire.read("orch.payment-cmd", command.SerializeToString()).terms.amount_cents is None
    command = PaymentCommand(saga_id="s", action="PAYMENT_ACTION_AUTHORIZE")
    assert wire.read("orch.payment-cmd", command.SerializeToString()).terms.amount_cents == 0


@pytest.mark.parametrize("action", [0, 7])
def test_an_unknown_action_is_poison(action: int) -> None:
    command = PaymentCommand(saga_id="s", action=cast(PaymentAction, action))
    with pytest.raises(Poison) as caught:
        PaymentWire(ODDS).read("orch.payment-cmd", command.SerializeToString())
    assert (caught.value.reason, caught.value.saga_id) == (Reason.UNKNOWN_ACTION, "s")


def test_an_order_is_read_as_it_is_written() -> None:
    order = OrderRequested(saga_id="s", customer_id="ada", amount_cents=5, currency="EUR")
    heard = PaymentWire(ODDS).read("choreo.order-requested", order.SerializeToString())
    assert heard == Heard("s", "choreo", Ask.DO, Terms("ada", 5, "EUR"))


def test_the_services_own_rate_goes_before_the_bare_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL_RATE", "0.25")
    monkeypatch.setenv("REFUND_FAIL_RATE", "0.5")
    assert PaymentSettings().fail_rate == 0.25
    monkeypatch.setenv("PAYMENT_FAIL_RATE", "0.75")
    assert PaymentSettings().odds() == Odds(
        "payment", "refund", "brewsaga", 0.75, 0.5, faults_enabled=True
    )
