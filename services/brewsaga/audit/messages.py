"""Invariants 17 to 21: what was said agrees with what was stored.

SQL rows and raw records in, lines out.
"""

import hashlib
from datetime import datetime
from typing import Final

from brewsaga.audit.report import Findings, Line, unseen
from brewsaga.audit.stores import Row, Stores
from brewsaga.audit.topics import Said
from saga.v1 import saga_pb2

ABSORBED: Final = ("undone", "void")
"""Reasons of a refusal that repeats what became of the saga, and is no second decision."""

PAYLOAD_KEPT_BYTES: Final = 65_536
"""Of a dead letter's payload at most so much is kept; its hash is of the whole."""

DECISIONS: Final = {
    "payment-completed": ("payment", "payment_id"),
    "payment-failed": ("payment", ""),
    "inventory-reserved": ("inventory", "reservation_id"),
    "inventory-failed": ("inventory", ""),
    "shipment-scheduled": ("shipment", "shipment_id"),
    "shipment-failed": ("shipment", ""),
}
"""What each deciding event decides, and the field that names what was done."""

REPLIES: Final = {
    "payment-reply": ("payment", saga_pb2.PAYMENT_ACTION_AUTHORIZE, "payment_id"),
    "inventory-reply": ("inventory", saga_pb2.INVENTORY_ACTION_RESERVE, "reservation_id"),
    "shipment-reply": ("shipment", saga_pb2.SHIPMENT_ACTION_SCHEDULE, "shipment_id"),
}


def one_decision(stores: Stores, said: list[Said] | None) -> Line:
    """17: one decision for each (saga, step), however often it was said; an undo is done once."""
    found = Findings(17, "one decision for each saga and step")
    if said is None:
        return unseen(found.invariant, found.title, "no Kafka address was given")
    decided: dict[tuple[str, str], set[str]] = {}
    records = 0
    for record in said:
        decision = _decision(record)
        if decision is not None:
            step, answer = decision
            records += 1
            decided.setdefault((record.saga_id, step), set()).add(answer)
    for (saga_id, step), answers in decided.items():
        found.expect(len(answers) == 1, saga_id, f"{step} decided {' and '.join(sorted(answers))}")
    undone: dict[tuple[str, str], int] = {}
    for table, kind in (("ledger", "refund"), ("stock_moves", "release")):
        seen: dict[tuple[str, str], set[datetime]] = {}
        for row in stores.tables.get(table, []):
            if row["kind"] == kind:
                seen.setdefault((row["saga_id"], kind), set()).add(row["created_at"])
        undone |= {key: len(times) for key, times in seen.items()}
    for (saga_id, kind), count in undone.items():
        found.expect(count == 1, saga_id, f"{kind} was done in {count} transactions")
    return found.line(f"{records} records of {len(decided)} decisions, {len(undone)} undos")


def _decision(record: Said) -> tuple[str, str] | None:
    """The step that a record decides and how, or None where it decides nothing."""
    if record.message is None:
        return None
    event = record.topic.event
    if event in DECISIONS:
        step, field = DECISIONS[event]
        return step, f"done {record.text(field)}" if field else "refused"
    if event in REPLIES:
        step, action, field = REPLIES[event]
        if record.message.action != action or record.message.reason in ABSORBED:
            return None
        return step, f"done {record.text(field)}" if record.message.ok else "refused"
    return None


def kept_since(stores: Stores) -> datetime | None:
    """Since when acknowledged outbox rows are kept, or None where they are not."""
    kept = [
        row["created_at"]
        for rows in stores.outbox.values()
        for row in rows
        if row["acknowledged_at"] is not None
    ]
    return min(kept, default=None)


NOT_KEPT: Final = "acknowledged outbox rows are not kept (OUTBOX_KEEP=true keeps them)"


def same_transaction(stores: Stores) -> Line:
    """18: an effect and its outbox rows share a transaction.

    The database's transaction time, which both rows have from it, is then equal to the microsecond.
    """
    found = Findings(18, "an effect and its outbox rows share a transaction")
    since = kept_since(stores)
    if since is None:
        return unseen(found.invariant, found.title, NOT_KEPT)
    effects = 0
    for service, table in (("payment", "ledger"), ("inventory", "stock_moves")):
        times = {(r["aggregateid"], r["created_at"]) for r in stores.outbox.get(service, [])}
        for row in stores.tables.get(table, []):
            if row["kind"] in ("initial", "refill") or row["created_at"] < since:
                continue
            effects += 1
            shared = (row["saga_id"], row["created_at"]) in times
            found.expect(
                shared, row["saga_id"], f"its {row['kind']} was committed without a message"
            )
    times = {(r["aggregateid"], r["created_at"]) for r in stores.outbox.get("shipment", [])}
    for row in stores.tables.get("assignments", []):
        if row["created_at"] >= since:
            effects += 1
            shared = (row["saga_id"], row["created_at"]) in times
            found.expect(shared, row["saga_id"], "its courier was committed without a message")
    return found.line(f"{effects} effects")


def outbox_is_said(stores: Stores, said: list[Said] | None, prefix: str) -> Line:
    """19: every outbox row is in its topic or unsent; no record of ours without its row."""
    found = Findings(19, "every outbox row is in its topic, every record has its row")
    since = kept_since(stores)
    if since is None or said is None:
        why = NOT_KEPT if since is None else "no Kafka address was given"
        return unseen(found.invariant, found.title, why)
    rows = {str(row["id"]): row for rows in stores.outbox.values() for row in rows}
    records = {record.message_id for record in said if record.message_id}
    ours = {prefix + record.topic.name for record in said}
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
    for record in said if quiet else ():
        known = set(stores.seen) >= {record.topic.said_by}
        if record.message_id and known and record.timestamp_ms >= since_ms:
            text = f"{record.message_id} in {record.topic.name} has no outbox row"
            found.expect(record.message_id in rows, record.saga_id, text)
    foreign = sum(1 for record in said if not record.message_id)
    return found.line(
        f"{acknowledged} rows, {unsent} unsent, {len(said)} records, {foreign} of others"
    )


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


def dead_letters_accounted(stores: Stores) -> Line:
    """21: each dead letter is accounted to a saga or counted as foreign, and is what was hashed."""
    found = Findings(21, "each dead letter is accounted for")
    if not stores.dead_letters:
        return unseen(found.invariant, found.title, "no database was given")
    sagas = stores.sagas()
    letters: list[Row] = [row for rows in stores.dead_letters.values() for row in rows]
    accounted = sum(1 for row in letters if row["saga_id"] in sagas)
    for row in letters:
        saga_id = row["saga_id"] or "(unknown)"
        place = f"{row['topic']}/{row['partition']}@{row['offset']}"
        found.expect(row["reason"] and row["topic"], saga_id, f"{place} says no cause")
        if row["payload"] is not None and row["size_bytes"] <= PAYLOAD_KEPT_BYTES:
            digest = hashlib.sha256(row["payload"]).digest()
            found.expect(digest == bytes(row["sha256"]), saga_id, f"{place} is not what was hashed")
    foreign = len(letters) - accounted
    return found.line(f"{len(letters)} dead letters: {accounted} of known sagas, {foreign} foreign")
