"""Invariants 13 to 16: stock is conserved, nothing is negative, couriers are sent for what is held.

SQL rows alone in, lines out.
"""

from collections import Counter
from typing import Final

from brewsaga.audit.money import net
from brewsaga.audit.report import Findings, Line, missing, unseen
from brewsaga.audit.stores import Row, Stores

KINDS: Final = {
    "DONE": {"reserve"},
    "OWED": {"reserve"},
    "UNDONE": {"reserve", "release"},
    "REFUSED": set[str](),
    "VOID": set[str](),
}
"""What the moves have of a saga, by the outcome that inventory's row says."""


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
    paid = net(stores.tables["ledger"])
    for saga_id, cents in paid.items():
        found.expect(cents["charge"] >= cents["refund"], saga_id, "refunded more than charged")
    return found.line(
        f"{len(stock)} ingredients, {len(moves)} moves, {len(paid)} accounts of sagas"
    )


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
    if why := missing(("inventory", "order", "orchestrator"), stores.seen):
        return unseen(found.invariant, found.title, why)
    ends, rows, quiet = stores.ends(), stores.by_saga("reservations"), not stores.not_quiet()
    held, strangers, pruned = 0, 0, stores.pruned()
    for saga_id, row in rows.items():
        holds = row["outcome"] in ("DONE", "OWED")
        held += holds
        end = ends.get(saga_id, "unknown")
        if quiet and (saga_id in ends or not pruned):
            found.expect(holds == (end == "SUCCESS"), saga_id, f"{row['outcome']}, but it is {end}")
        strangers += holds and saga_id not in ends
    if quiet and pruned:
        sold = sum(row["sold"] for row in pruned)
        text = (
            f"{strangers} are held for sagas that are not known, {sold} that were sold are pruned"
        )
        found.expect(strangers == sold, "(all)", text)
    _compare(found, rows, stores.tables["stock_moves"])
    return found.line(f"{len(rows)} reservations, {held} held{'' if quiet else ', not quiet'}")


def _compare(found: Findings, rows: dict[str, Row], moves: list[Row]) -> None:
    """Inventory's memory of a saga and the units that it moved say the same."""
    moved: dict[str, dict[str, dict[str, int]]] = {}
    for move in moves:
        if move["kind"] in ("reserve", "release"):
            of_kind = moved.setdefault(move["saga_id"], {}).setdefault(move["kind"], {})
            of_kind[move["ingredient"]] = move["units"]
    for saga_id, row in rows.items():
        kinds = moved.get(saga_id, {})
        text = f"{row['outcome']}, but its moves are {sorted(kinds)}"
        found.expect(set(kinds) == KINDS[row["outcome"]], saga_id, text)
        if "release" in kinds:
            back, taken = kinds["release"], kinds.get("reserve")
            found.expect(back == taken, saga_id, f"reserved {taken}, released {back}")
    for saga_id in moved.keys() - rows.keys():
        found.expect("", saga_id, "stock was moved, and inventory has no row of it")


def one_shipment(stores: Stores) -> Line:
    """16: one shipment a saga, only after its reservation."""
    found = Findings(16, "one shipment a saga, only after its reservation")
    if why := missing(("shipment", "inventory"), stores.seen):
        return unseen(found.invariant, found.title, why)
    shipments, reservations = stores.by_saga("shipments"), stores.by_saga("reservations")
    assigned = Counter(row["saga_id"] for row in stores.tables["assignments"])
    taken = {row["saga_id"] for row in stores.tables["stock_moves"] if row["kind"] == "reserve"}
    identities = Counter(r["shipment_id"] for r in shipments.values() if r["outcome"] == "DONE")
    for saga_id, row in shipments.items():
        done = row["outcome"] == "DONE"
        text = f"{row['outcome']}, and {assigned[saga_id]} couriers"
        found.expect(assigned[saga_id] == int(done), saga_id, text)
        if done:
            heard = saga_id in reservations
            found.expect(heard, saga_id, "shipped, and inventory never heard of it")
            found.expect(saga_id in taken, saga_id, "shipped, and nothing was reserved for it")
            found.expect(
                identities[row["shipment_id"]] == 1, saga_id, "its shipment id is not its own"
            )
    for saga_id in assigned.keys() - shipments.keys():
        found.expect("", saga_id, "a courier, and no shipment")
    return found.line(f"{len(shipments)} shipments, {sum(assigned.values())} couriers sent")
