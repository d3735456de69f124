"""Invariants 18 to 20: what is done is said, and what lies in a topic is what the outbox says.

Rows of effects and outboxes and raw records in, lines out. Only where acknowledged rows are kept.
"""

from collections import Counter
from datetime import datetime
from typing import Final

from brewsaga.audit.ends import PLACING
from brewsaga.audit.report import Findings, Line, unseen
from brewsaga.audit.stores import Row, Stores
from brewsaga.audit.topics import Said
from saga import contract

NOT_KEPT: Final = "acknowledged outbox rows are not kept (OUTBOX_KEEP=true keeps them)"


EFFECTS: Final = (
    ("payment", "ledger"),
    ("inventory", "stock_moves"),
    ("shipment", "assignments"),
)
"""What each participant did, append-only, with the time of its transaction."""

COMMANDS: Final = {
    "PAYMENT": "PaymentCommand",
    "INVENTORY": "InventoryCommand",
    "SHIPMENT": "ShipmentCommand",
}
"""What is said on the way into a state that awaits or compensates this step."""


def kept_since(stores: Stores) -> datetime | None:
    """Since when acknowledged outbox rows are kept, or None where they are not."""
    kept = [
        row["created_at"]
        for rows in stores.outbox.values()
        for row in rows
        if row["acknowledged_at"] is not None
    ]
    return min(kept, default=None)


def same_transaction(stores: Stores) -> Line:
    """18: an effect and its outbox rows share a transaction.

    The database's transaction time, which both rows have from it, is then equal to the microsecond.
    An order and an orchestrator's step have a later time of their own; that they were said at all
    is looked at.
    """
    found = Findings(18, "an effect and its outbox rows share a transaction")
    since = kept_since(stores)
    if since is None:
        return unseen(found.invariant, found.title, NOT_KEPT)
    effects = sum(_check_effects(found, stores, since, *one) for one in EFFECTS)
    placed, moves = _check_orders(found, stores, since), _check_commands(found, stores, since)
    return found.line(f"{effects} effects, {placed} orders, {moves} transitions")


def _check_effects(
    found: Findings, stores: Stores, since: datetime, service: str, table: str
) -> int:
    times = {(row["aggregateid"], row["created_at"]) for row in stores.outbox.get(service, [])}
    effects = [
        (row["saga_id"], row["created_at"], row.get("kind", "courier"))
        for row in stores.tables.get(table, [])
        if row["created_at"] >= since and row.get("kind") not in ("initial", "refill")
    ]
    for saga_id, created_at, what in effects:
        text = f"its {what} was committed without a message"
        found.expect((saga_id, created_at) in times, saga_id, text)
    return len(effects)


def _check_orders(found: Findings, stores: Stores, since: datetime) -> int:
    placed = [row for row in stores.tables.get("orders", []) if row["created_at"] >= since]
    told = {r["aggregateid"] for r in stores.outbox.get("order", []) if r["type"] in PLACING}
    for row in placed:
        known = row["adopted"] or row["saga_id"] in told
        found.expect(known, row["saga_id"], "it was placed and never said")
    return len(placed)


def _check_commands(found: Findings, stores: Stores, since: datetime) -> int:
    """A command for each transition into a state that awaits one; said again, it is one more."""
    moves = [
        (row["saga_id"], row["target"].partition("_")[2])
        for row in stores.tables.get("saga_history", [])
        if row["created_at"] >= since and row["source"] != row["target"]
    ]
    said = Counter((r["aggregateid"], r["type"]) for r in stores.outbox.get("orchestrator", []))
    needed = Counter((saga_id, COMMANDS[step]) for saga_id, step in moves if step in COMMANDS)
    for (saga_id, command), count in needed.items():
        times = said[saga_id, command]
        text = f"it awaited {count} answers to a {command}, and {times} were said"
        found.expect(times >= count, saga_id, text)
    return len(moves)


def outbox_is_said(stores: Stores, said: list[Said] | None, prefix: str) -> Line:
    """19: every outbox row is in its topic or unsent; no record of ours without its row."""
    found = Findings(19, "every outbox row is in its topic, every record has its row")
    since = kept_since(stores)
    if since is None or said is None:
        why = NOT_KEPT if since is None else "no Kafka address was given"
        return unseen(found.invariant, found.title, why)
    rows = {str(row["id"]): row for rows in stores.outbox.values() for row in rows}
    records = {record.message_id for record in said if record.message_id}
    ours = {prefix + topic.name for topic in contract.TOPICS}
    acknowledged = unsent = 0
    for message_id, row in rows.items():
        if row["acknowledged_at"] is None:
            unsent += 1
        elif row["aggregatetype"] in ours:
            acknowledged += 1
            text = f"{message_id} was acknowledged and is not in {row['aggregatetype']}"
            found.expect(message_id in records, row["aggregateid"], text)
    since_ms, quiet = since.timestamp() * 1000, stores.open_sagas() == 0
    # The topics were read after the rows: until all is quiet a record may be newer than those.
    for record in said:
        row = rows.get(record.message_id, {})
        known = set(stores.seen) >= {record.topic.said_by}
        if row:
            place, stored = (prefix + record.topic.name, record.key), _place(row)
            text = f"{record.message_id} is in {place}, its outbox row is for {stored}"
            found.expect(place == stored, record.saga_id, text)
        elif record.message_id and known and quiet and record.timestamp_ms >= since_ms:
            text = f"{record.message_id} in {record.topic.name} has no outbox row"
            found.expect("", record.saga_id, text)
    foreign = sum(1 for record in said if not record.message_id)
    return found.line(
        f"{acknowledged} rows, {unsent} unsent, {len(said)} records, {foreign} of others"
    )


def _place(row: Row) -> tuple[str, str]:
    return row["aggregatetype"], row["aggregateid"]


def same_bytes(stores: Stores, said: list[Said] | None) -> Line:
    """20: the same id has the same bytes, in the topics and against the outbox."""
    found = Findings(20, "same id, same bytes")
    if said is None or kept_since(stores) is None:
        why = NOT_KEPT if said is not None else "no Kafka address was given"
        return unseen(found.invariant, found.title, why)
    stored = {str(r["id"]): bytes(r["payload"]) for rows in stores.outbox.values() for r in rows}
    repeated, first = 0, dict[str, bytes]()
    for record in said:
        if not record.message_id:
            continue
        before = first.setdefault(record.message_id, stored.get(record.message_id, record.value))
        repeated += before is not record.value
        text = f"{record.message_id} has two contents"
        found.expect(before == record.value, record.saga_id, text)
    return found.line(f"{len(first)} ids, {repeated} compared with another copy")
