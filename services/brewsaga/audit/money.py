"""Invariants 9 to 12: money is conserved. SQL rows alone in, lines out.

What a charge is, is written down here a second time on purpose: money to the shop.
"""

from collections import Counter
from typing import Final

from brewsaga.audit.report import Findings, Line, missing, unseen
from brewsaga.audit.stores import Row, Stores

KINDS: Final = {
    "DONE": {"charge"},
    "OWED": {"charge"},
    "UNDONE": {"charge", "refund"},
    "REFUSED": set[str](),
    "VOID": set[str](),
}
"""What the ledger has of a saga, by the outcome that payment's row says."""


def ledger_balances(stores: Stores) -> Line:
    """9: every ledger transaction and all accounts sum to zero, per currency."""
    found = Findings(9, "ledger sums to zero")
    if why := missing(("payment",), stores.seen):
        return unseen(found.invariant, found.title, why)
    entries = stores.tables["ledger"]
    sums: Counter[tuple[str, str, str]] = Counter()
    currencies: Counter[str] = Counter()
    for row in entries:
        sums[row["saga_id"], row["kind"], row["currency"]] += row["amount_cents"]
        currencies[row["currency"]] += row["amount_cents"]
    for (saga_id, kind, currency), total in sums.items():
        found.expect(total == 0, saga_id, f"its {kind} sums to {total} {currency} cents")
    for currency, total in currencies.items():
        found.expect(total == 0, "(all)", f"all accounts sum to {total} {currency} cents")
    return found.line(f"{len(entries)} entries, {len(currencies)} currencies")


def net(entries: list[Row]) -> dict[str, dict[str, int]]:
    """Per saga: cents charged and refunded, as the shop's account has them, signed."""
    of_sagas: dict[str, dict[str, int]] = {}
    for row in entries:
        if row["account"] == "shop":
            of_saga = of_sagas.setdefault(row["saga_id"], {"charge": 0, "refund": 0})
            sign = 1 if row["kind"] == "charge" else -1
            of_saga[row["kind"]] += sign * row["amount_cents"]
    return of_sagas


def _prices(stores: Stores) -> dict[str, Row]:
    """The order's row of each saga, else the orchestrator's: both carry the price."""
    return stores.by_saga("saga_state") | stores.by_saga("orders")


def income_is_sales(stores: Stores) -> Line:
    """10: charged − refunded = the price of what was delivered, per currency, when quiet."""
    found = Findings(10, "charged - refunded = price of SUCCESS")
    if why := _quiet_money(stores):
        return unseen(found.invariant, found.title, why)
    income: Counter[str] = Counter()
    for row in stores.tables["ledger"]:
        if row["account"] == "shop":
            income[row["currency"]] += row["amount_cents"]
    sales: Counter[str] = Counter()
    for row in _prices(stores).values():
        if row["status"] == "SUCCESS":
            sales[row["currency"]] += row["amount_cents"]
    for row in stores.pruned():
        sales[row["currency"]] += row["sold_cents"]
    for currency in income.keys() | sales.keys():
        text = f"took {income[currency]} and sold {sales[currency]} {currency} cents"
        found.expect(income[currency] == sales[currency], "(all)", text)
    totals = ", ".join(f"{cents / 100:.2f} {currency}" for currency, cents in sorted(sales.items()))
    return found.line(f"{totals or 'nothing'} sold")


def charged_once(stores: Stores) -> Line:
    """11: per saga at most one charge, refunds at most that, the same amount, as its row says."""
    found = Findings(11, "at most one charge a saga, refund of the same amount")
    if why := missing(("payment",), stores.seen):
        return unseen(found.invariant, found.title, why)
    entries = stores.tables["ledger"]
    counts = Counter((row["saga_id"], row["kind"], row["account"]) for row in entries)
    for (saga_id, kind, _), count in counts.items():
        found.expect(count == 1, saga_id, f"{count} entries of one {kind}")
    paid, refunds = net(entries), 0
    for saga_id, cents in paid.items():
        refunds += cents["refund"] != 0
        same = cents["refund"] in (0, cents["charge"])
        found.expect(same, saga_id, f"charged {cents['charge']}, refunded {cents['refund']} cents")
        text = f"its charge moved {cents['charge']} cents to the shop"
        found.expect(cents["charge"] > 0, saga_id, text)
    _compare(found, stores.by_saga("payments"), stores.groups("ledger"))
    return found.line(f"{len(paid)} charges, {refunds} refunds")


def _compare(found: Findings, rows: dict[str, Row], ledger: dict[str, list[Row]]) -> None:
    """Payment's memory of a saga and the money that it moved say the same."""
    for saga_id, row in rows.items():
        entries = ledger.get(saga_id, [])
        kinds = {entry["kind"] for entry in entries}
        text = f"payment has it {row['outcome']}, the ledger has {sorted(kinds)}"
        found.expect(kinds == KINDS[row["outcome"]], saga_id, text)
        moved = {(abs(entry["amount_cents"]), entry["currency"]) for entry in entries}
        text = f"payment has {row['amount_cents']} {row['currency']}, the ledger {sorted(moved)}"
        found.expect(moved <= {(row["amount_cents"], row["currency"])}, saga_id, text)
    for saga_id in ledger.keys() - rows.keys():
        found.expect("", saga_id, "money was moved, and payment has no row of it")


def saga_pays_its_price(stores: Stores) -> Line:
    """12: per saga charged − refunded is its price if SUCCESS, else nothing, when quiet."""
    found = Findings(12, "a saga pays its price if SUCCESS, else nothing")
    if why := _quiet_money(stores):
        return unseen(found.invariant, found.title, why)
    paid_by, prices = net(stores.tables["ledger"]), _prices(stores)
    for saga_id, row in prices.items():
        cents = paid_by.get(saga_id, {"charge": 0, "refund": 0})
        owed = row["amount_cents"] if row["status"] == "SUCCESS" else 0
        paid = cents["charge"] - cents["refund"]
        found.expect(paid == owed, saga_id, f"{row['status']}: paid {paid}, should be {owed} cents")
    strangers = paid_by.keys() - prices.keys()
    _expect_pruned(
        found, {s: paid_by[s]["charge"] - paid_by[s]["refund"] for s in strangers}, stores
    )
    for saga_id, row in stores.by_saga("payments").items():
        price = prices.get(saga_id)
        if price is not None and row["amount_cents"] is not None:
            asked, ordered = row["amount_cents"], price["amount_cents"]
            text = f"payment was asked for {asked}, ordered were {ordered} cents"
            found.expect(asked == ordered, saga_id, text)
    return found.line(f"{len(prices)} sagas")


def _expect_pruned(found: Findings, paid_by: dict[str, int], stores: Stores) -> None:
    """What was paid by sagas that nobody knows any more is what those that were pruned were sold
    for; where none was, each is a stranger.
    """
    pruned = stores.pruned()
    if not pruned:
        for saga_id, paid in paid_by.items():
            found.expect(paid == 0, saga_id, f"paid {paid} cents, and no one knows of an order")
        return
    sold, paid = sum(row["sold_cents"] for row in pruned), sum(paid_by.values())
    text = (
        f"sagas that are not known paid {paid}, those that were pruned were sold for {sold} cents"
    )
    found.expect(paid == sold, "(all)", text)


def _quiet_money(stores: Stores) -> str:
    why = missing(("payment", "order", "orchestrator"), stores.seen)
    return why or stores.not_quiet()
