"""Invariants 9 to 16: money and stock are conserved. SQL rows alone in, lines out."""

from collections import Counter
from typing import Final

from brewsaga.audit.report import Findings, Line, missing, unseen
from brewsaga.audit.stores import Row, Stores

NOT_QUIET: Final = "sagas are still open; it holds only once all have ended"


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


def _net(entries: list[Row]) -> dict[str, dict[str, int]]:
    """Per saga: cents charged and refunded, as the shop's account has them."""
    net: dict[str, dict[str, int]] = {}
    for row in entries:
        if row["account"] == "shop":
            of_saga = net.setdefault(row["saga_id"], {"charge": 0, "refund": 0})
            of_saga[row["kind"]] += abs(row["amount_cents"])
    return net


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
            sign = 1 if row["kind"] == "charge" else -1
            income[row["currency"]] += sign * abs(row["amount_cents"])
    sales: Counter[str] = Counter()
    for row in _prices(stores).values():
        if row["status"] == "SUCCESS":
            sales[row["currency"]] += row["amount_cents"]
    for currency in income.keys() | sales.keys():
        text = f"took {income[currency]} and sold {sales[currency]} {currency} cents"
        found.expect(income[currency] == sales[currency], "(all)", text)
    totals = ", ".join(f"{cents / 100:.2f} {currency}" for currency, cents in sorted(sales.items()))
    return found.line(f"{totals or 'nothing'} sold")


def charged_once(stores: Stores) -> Line:
    """11: per saga at most one charge, refunds at most that, the same amount."""
    found = Findings(11, "at most one charge a saga, refund of the same amount")
    if why := missing(("payment",), stores.seen):
        return unseen(found.invariant, found.title, why)
    entries = stores.tables["ledger"]
    counts = Counter((row["saga_id"], row["kind"], row["account"]) for row in entries)
    for (saga_id, kind, _), count in counts.items():
        found.expect(count == 1, saga_id, f"{count} entries of one {kind}")
    net, refunds = _net(entries), 0
    for saga_id, cents in net.items():
        refunds += cents["refund"] > 0
        same = cents["refund"] in (0, cents["charge"])
        found.expect(same, saga_id, f"charged {cents['charge']}, refunded {cents['refund']} cents")
    return found.line(f"{len(net)} charges, {refunds} refunds")


def saga_pays_its_price(stores: Stores) -> Line:
    """12: per saga charged − refunded is its price if SUCCESS, else nothing, when quiet."""
    found = Findings(12, "a saga pays its price if SUCCESS, else nothing")
    if why := _quiet_money(stores):
        return unseen(found.invariant, found.title, why)
    net, prices = _net(stores.tables["ledger"]), _prices(stores)
    for saga_id, row in prices.items():
        cents = net.get(saga_id, {"charge": 0, "refund": 0})
        owed = row["amount_cents"] if row["status"] == "SUCCESS" else 0
        paid = cents["charge"] - cents["refund"]
        found.expect(paid == owed, saga_id, f"{row['status']}: paid {paid}, should be {owed} cents")
    for saga_id in net.keys() - prices.keys():
        paid = net[saga_id]["charge"] - net[saga_id]["refund"]
        found.expect(paid == 0, saga_id, f"paid {paid} cents, and no one knows of an order")
    return found.line(f"{len(prices)} sagas")


def _quiet_money(stores: Stores) -> str:
    why = missing(("payment", "order", "orchestrator"), stores.seen)
    return why or (NOT_QUIET if stores.open_sagas() else "")


def nothing_negative(stores: Stores) -> Line:
    """13: nothing negative."""
    found = Findings(13, "nothing negative")
    if why := missing(("inventory", "payment"), stores.seen):
        return unseen(found.invariant, found.title, why)
    stock, moves = stores.tables["stock"], stores.tables["stock_moves"]
    for row in stock:
        held = row["available"] >= 0 and row["reserved"] >= 0
        text = f"{row['ingredient']}: available {row['available']}, reserved {row['reserved']}"
        found.expect(held, "(stock)", text)
    for row in moves:
        found.expect(row["units"] >= 0, row["saga_id"], f"moved {row['units']} {row['ingredient']}")
    net = _net(stores.tables["ledger"])
    for saga_id, cents in net.items():
        found.expect(cents["charge"] >= cents["refund"], saga_id, "refunded more than charged")
    return found.line(f"{len(stock)} ingredients, {len(moves)} moves, {len(net)} accounts of sagas")


def stock_is_conserved(stores: Stores) -> Line:
    """14: available + reserved = initial + refills; reserved = what moves reserved and kept."""
    found = Findings(14, "available + reserved = initial + refills")
    if why := missing(("inventory",), stores.seen):
        return unseen(found.invariant, found.title, why)
    moved: Counter[tuple[str, str]] = Counter()
    for row in stores.tables["stock_moves"]:
        moved[row["ingredient"], row["kind"]] += row["units"]
    for row in stores.tables["stock"]:
        name = row["ingredient"]
        came = moved[name, "initial"] + moved[name, "refill"]
        held = moved[name, "reserve"] - moved[name, "release"]
        there = row["available"] + row["reserved"]
        found.expect(there == came, "(stock)", f"{name}: {there} there, {came} ever came")
        text = f"{name}: {row['reserved']} reserved, moves say {held}"
        found.expect(row["reserved"] == held, "(stock)", text)
    names, moves = len(stores.tables["stock"]), len(stores.tables["stock_moves"])
    return found.line(f"{names} ingredients, {moves} moves")


def reserved_is_delivered(stores: Stores) -> Line:
    """15: what is still reserved belongs to delivered orders, when quiet; moves and rows agree
    always.
    """
    found = Findings(15, "rows still reserved belong to SUCCESS")
    why = missing(("inventory", "order", "orchestrator"), stores.seen)
    if why or stores.open_sagas():
        return unseen(found.invariant, found.title, why or NOT_QUIET)
    kinds: dict[str, set[str]] = {}
    for row in stores.tables["stock_moves"]:
        kinds.setdefault(row["saga_id"], set()).add(row["kind"])
    ends, rows = stores.ends(), stores.by_saga("reservations")
    held = 0
    for saga_id, row in rows.items():
        holds, moves = row["outcome"] in ("DONE", "OWED"), kinds.get(saga_id, set())
        held += holds
        end = ends.get(saga_id, "unknown")
        found.expect(holds == (end == "SUCCESS"), saga_id, f"{row['outcome']}, but it is {end}")
        moved = "reserve" in moves and "release" not in moves
        found.expect(
            holds == moved, saga_id, f"{row['outcome']}, but its moves are {sorted(moves)}"
        )
    return found.line(f"{len(rows)} reservations, {held} held")


def one_shipment(stores: Stores) -> Line:
    """16: one shipment a saga, only after its reservation."""
    found = Findings(16, "one shipment a saga, only after its reservation")
    if why := missing(("shipment", "inventory"), stores.seen):
        return unseen(found.invariant, found.title, why)
    shipments, reservations = stores.by_saga("shipments"), stores.by_saga("reservations")
    assigned = Counter(row["saga_id"] for row in stores.tables["assignments"])
    identities = Counter(r["shipment_id"] for r in shipments.values() if r["outcome"] == "DONE")
    for saga_id, row in shipments.items():
        done = row["outcome"] == "DONE"
        text = f"{row['outcome']}, and {assigned[saga_id]} couriers"
        found.expect(assigned[saga_id] == int(done), saga_id, text)
        reserved = reservations.get(saga_id)
        if done:
            found.expect(reserved, saga_id, "shipped, and inventory never heard of it")
            found.expect(
                identities[row["shipment_id"]] == 1, saga_id, "its shipment id is not its own"
            )
    for saga_id in assigned.keys() - shipments.keys():
        found.expect("", saga_id, "a courier, and no shipment")
    return found.line(f"{len(shipments)} shipments, {sum(assigned.values())} couriers sent")
