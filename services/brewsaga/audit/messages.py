"""Invariants 17 and 21: what was said agrees with what was decided, and what was put aside.

SQL rows and raw records in, lines out.
"""

import hashlib
from datetime import datetime
from typing import Final

from brewsaga.audit.report import Findings, Line, unseen
from brewsaga.audit.stores import Row, Stores
from brewsaga.audit.topics import RECORD_BYTES_MAX, Said
from saga.v1 import saga_pb2

ABSORBED: Final = ("undone", "void")
"""Reasons of a refusal that repeats what became of the saga, and is no second decision."""

NAMES_A_ROW: Final = ("contradiction", "other_mode")
"""Causes of dead letters which say that a row is contradicted: then its saga is known."""

DECISIONS: Final = {
    "payment-completed": ("payment", "payment_id"),
    "payment-failed": ("payment", ""),
    "inventory-reserved": ("inventory", "reservation_id"),
    "inventory-failed": ("inventory", ""),
    "shipment-scheduled": ("shipment", "shipment_id"),
    "shipment-failed": ("shipment", ""),
}
"""What each deciding event decides, and the field that names what was done."""

STORED: Final = {
    "payment": ("payments", "payment_id"),
    "inventory": ("reservations", "reservation_id"),
    "shipment": ("shipments", "shipment_id"),
}
"""Where each participant remembers what it decided, and the column that names what was done."""

REPLIES: Final = {
    "payment-reply": ("payment", saga_pb2.PAYMENT_ACTION_AUTHORIZE, "payment_id"),
    "inventory-reply": ("inventory", saga_pb2.INVENTORY_ACTION_RESERVE, "reservation_id"),
    "shipment-reply": ("shipment", saga_pb2.SHIPMENT_ACTION_SCHEDULE, "shipment_id"),
}


def one_decision(stores: Stores, said: list[Said] | None) -> Line:
    """17: one decision for each (saga, step), as its row has it, however often it was said; an undo
    is done once.
    """
    found = Findings(17, "one decision for each saga and step")
    if said is None:
        return unseen(found.invariant, found.title, "no Kafka address was given")
    decided: dict[tuple[str, str], set[str]] = {}
    ours: set[tuple[str, str]] = set()
    records = 0
    for record in said:
        decision = _decision(record)
        if decision is not None:
            step, answer = decision
            records += 1
            decided.setdefault((record.saga_id, step), set()).add(answer)
            if record.message_id:
                ours.add((record.saga_id, step))
    stored, quiet = _stored(stores), not stores.not_quiet()
    for (saga_id, step), answers in decided.items():
        found.expect(len(answers) == 1, saga_id, f"{step} decided {' and '.join(sorted(answers))}")
        kept = stored.get((saga_id, step))
        text = f"{step} said {' and '.join(sorted(answers))}, and has stored {kept}"
        found.expect(kept is None or answers == {kept}, saga_id, text)
        # Rows were read before the topics: until all is quiet a saga may be younger than those.
        lost = quiet and (saga_id, step) in ours and step in stores.seen
        found.expect(kept or not lost, saga_id, f"{step} said {min(answers)}, and has no row")
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


def _stored(stores: Stores) -> dict[tuple[str, str], str]:
    """What each participant's row says was decided, in the words of `_decision`."""
    return {
        (saga_id, step): f"done {row[column]}"
        if row["outcome"] in ("DONE", "OWED", "UNDONE")
        else "refused"
        for step, (table, column) in STORED.items()
        for saga_id, row in stores.by_saga(table).items()
    }


def _decision(record: Said) -> tuple[str, str] | None:
    """The step that a record decides and how, or None where it decides nothing."""
    if not record.saga_id:
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


def dead_letters_accounted(stores: Stores, said: list[Said] | None) -> Line:
    """21: each dead letter is accounted to a saga or counted as foreign, and is what was hashed.

    Records that every service puts aside are counted beside them, and to no saga.
    """
    found = Findings(21, "each dead letter is accounted for")
    if not stores.dead_letters:
        return unseen(found.invariant, found.title, "no database was given")
    sagas = stores.sagas()
    letters: list[Row] = [row for rows in stores.dead_letters.values() for row in rows]
    accounted = sum(1 for row in letters if row["saga_id"] in sagas)
    for row in letters:
        _check_letter(found, row, sagas)
    counted = f"{accounted} of known sagas, {len(letters) - accounted} foreign"
    aside = sum(1 for record in said or [] if not record.saga_id)
    unread = "" if said is None else f"; {aside} records of no saga in the topics"
    return found.line(f"{len(letters)} dead letters: {counted}{unread}")


def _check_letter(found: Findings, row: Row, sagas: set[str]) -> None:
    saga_id, payload = row["saga_id"], row["payload"] or b""
    place = f"{row['topic']}/{row['partition']}@{row['offset']}"
    found.expect(row["reason"] and row["topic"], saga_id, f"{place} says no cause")
    kept = min(row["size_bytes"], RECORD_BYTES_MAX)
    text = f"{place} has kept {len(payload)} of {row['size_bytes']} bytes"
    found.expect(len(payload) == kept, saga_id, text)
    if row["size_bytes"] <= RECORD_BYTES_MAX:
        same = hashlib.sha256(payload).digest() == bytes(row["sha256"])
        found.expect(same, saga_id, f"{place} is not what was hashed")
    known = row["reason"] not in NAMES_A_ROW or saga_id in sagas
    found.expect(known, saga_id, f"{place} contradicts a saga that nobody knows")
