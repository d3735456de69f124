"""Invariants 1, 2, 4, 6, 7, 8: sagas and their ends. SQL rows and raw records in, lines out.

The legal automaton is written down here a second time on purpose: an audit that asked the code for
its own table would find that the code agrees with itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from operator import itemgetter
from types import MappingProxyType
from typing import Final

from brewsaga.audit.report import Findings, Line, missing, unseen
from brewsaga.audit.stores import Row, Stores
from brewsaga.audit.topics import Said

SUCCESS: Final = "DONE/SUCCESS"
FAILED: Final = "DONE/FAILED"

_LEGAL_1: Final = frozenset(
    {
        ("", "AWAITING_PAYMENT"),
        ("", FAILED),  # cancelled before it began
        ("AWAITING_PAYMENT", "AWAITING_INVENTORY"),
        ("AWAITING_PAYMENT", "COMPENSATING_PAYMENT"),  # cancel
        ("AWAITING_PAYMENT", FAILED),
        ("AWAITING_INVENTORY", "AWAITING_SHIPMENT"),
        ("AWAITING_INVENTORY", "COMPENSATING_INVENTORY"),  # cancel
        ("AWAITING_INVENTORY", "COMPENSATING_PAYMENT"),
        ("AWAITING_SHIPMENT", SUCCESS),
        ("AWAITING_SHIPMENT", "COMPENSATING_INVENTORY"),
        ("COMPENSATING_INVENTORY", "COMPENSATING_PAYMENT"),
        ("COMPENSATING_PAYMENT", FAILED),
    }
)
"""Every transition of the contract's table, the first version of the flow.

A state may also be kept (a refused undo, a noted cancel).
"""

LEGAL: Final[Mapping[int, frozenset[tuple[str, str]]]] = MappingProxyType({1: _LEGAL_1})
"""By version of the flow: a saga is judged by the one that it began with."""

EXCLUDED: Final = (
    ("payment-completed", "payment-failed"),
    ("payment-failed", "payment-refunded"),
    ("inventory-reserved", "inventory-failed"),
    ("inventory-failed", "inventory-released"),
    ("shipment-scheduled", "shipment-failed"),
    ("shipment-scheduled", "inventory-released"),
    ("shipment-scheduled", "inventory-failed"),
    ("shipment-scheduled", "payment-refunded"),
    ("shipment-scheduled", "payment-failed"),
)
"""Events that cannot both be true of one choreographed saga."""

HELD: Final = ("DONE", "OWED")
"""Outcomes in which a participant still has what it took."""

PARTS: Final = ("payments", "reservations", "shipments")
PLACING: Final = ("OrderRequested", "PlaceOrder")
"""What order says of an order that it placed or adopted, and of no other."""


def one_saga(stores: Stores) -> Line:
    """1: an accepted order has exactly one saga."""
    found = Findings(1, "an accepted order has exactly one saga")
    if why := missing(("order", "orchestrator", "payment"), stores.seen):
        return unseen(found.invariant, found.title, why)
    states, payments = stores.by_saga("saga_state"), stores.by_saga("payments")
    orders = stores.by_saga("orders")
    for saga_id, order in orders.items():
        orchestrated = order["mode"] == "orch"
        found.expect(orchestrated or saga_id not in states, saga_id, "it runs in both modes")
        if order["status"] != "RUNNING":
            begun = saga_id in (states if orchestrated else payments)
            found.expect(begun, saga_id, "the order has ended, but no saga of it was ever begun")
    modes = dict.fromkeys(states, "orch") | {s: order["mode"] for s, order in orders.items()}
    for name in PARTS:
        for saga_id, row in stores.by_saga(name).items():
            text = f"{name} has it in mode {row['mode']}, it was placed in {modes.get(saga_id)}"
            found.expect(row["mode"] == modes.get(saga_id, row["mode"]), saga_id, text)
    for row in stores.outbox.get("order", []):
        placed = row["type"] not in PLACING or row["aggregateid"] in orders
        found.expect(placed, row["aggregateid"], f"order said its {row['type']} and has no order")
    _count_batches(found, stores, orders.values())
    return found.line(f"{len(orders)} orders, {len(stores.tables['batches'])} batches")


def _count_batches(found: Findings, stores: Stores, orders: Iterable[Row]) -> None:
    placed = Counter(order["batch_id"] for order in orders)
    for batch in stores.tables["batches"]:
        count = placed[batch["batch_id"]]
        text = f"batch says {batch['placed']} placed, {count} orders exist"
        found.expect(count == batch["placed"], batch["batch_id"], text)


def one_end(stores: Stores, said: list[Said] | None) -> Line:
    """2: at most one end, never left."""
    found = Findings(2, "at most one end, never left")
    states, orders = stores.by_saga("saga_state"), stores.by_saga("orders")
    histories = stores.groups("saga_history")
    for saga_id, history in histories.items():
        ends = [row for row in history if row["target"].startswith("DONE")]
        found.expect(len(ends) <= 1, saga_id, f"{len(ends)} ends in its history")
        left = [row["source"] for row in history if row["source"].startswith("DONE")]
        found.expect(not left, saga_id, f"it left its end {left[:1]}")
    ends_said = _ends_said(said or [])
    for saga_id, order in orders.items():
        ended = order["status"] != "RUNNING"
        agree = ended == (order["outcome"] is not None)
        found.expect(agree, saga_id, "status and outcome disagree")
        done = ended == (order["current_step"] == "DONE")
        found.expect(done, saga_id, f"{order['status']} in step {order['current_step']}")
        success = (order["status"] == "SUCCESS") == (order["outcome"] == "completed")
        found.expect(success, saga_id, f"status {order['status']}, outcome {order['outcome']}")
        state = states.get(saga_id)
        if ended and state is not None:
            text = f"order says {order['status']}, the orchestrator {state['status']}"
            found.expect(order["status"] == state["status"], saga_id, text)
        if ended and saga_id in ends_said:
            told = ends_said[saga_id]
            text = f"order says {order['status']}, the topics {', '.join(sorted(told))}"
            found.expect(order["status"] in told, saga_id, text)
    for saga_id, both in ends_said.items():
        found.expect(len(both) == 1, saga_id, f"both ends were said: {', '.join(sorted(both))}")
    return found.line(
        f"{len(histories)} histories, {len(orders)} orders, {len(ends_said)} sagas' ends in topics"
    )


def _ends_said(said: list[Said]) -> dict[str, set[str]]:
    word = {
        "shipment-scheduled": "SUCCESS",
        "payment-failed": "FAILED",
        "payment-refunded": "FAILED",
    }
    ends: dict[str, set[str]] = {}
    for record in said:
        if record.saga_id and record.topic.event in word:
            ends.setdefault(record.saga_id, set()).add(word[record.topic.event])
    return ends


def legal_path(stores: Stores, said: list[Said] | None) -> Line:
    """4: recorded states are a path of the legal automaton, versions one by one (5)."""
    found = Findings(4, "recorded states are a path of the legal automaton")
    histories, steps = stores.groups("saga_history"), 0
    for saga_id, rows in histories.items():
        history = sorted(rows, key=lambda row: row["version"])
        steps += len(history)
        _walk(found, saga_id, history)
    states = stores.by_saga("saga_state")
    for saga_id, state in states.items():
        done = state["current_step"] == "DONE"
        found.expect(done == (state["status"] != "RUNNING"), saga_id, "DONE and status disagree")
        found.expect(saga_id in histories, saga_id, "it has a state and no history")
        if saga_id in histories:
            _compare(found, state, max(histories[saga_id], key=itemgetter("version")))
    for saga_id in histories.keys() - states.keys():
        found.expect("", saga_id, "it has a history and no state")
    timelines: dict[str, set[str]] = {}
    for row in stores.tables.get("order_events", []):
        timelines.setdefault(row["saga_id"], set()).add(row["event"])
    for record in said or []:
        if record.saga_id and record.topic.mode.value == "choreo":
            timelines.setdefault(record.saga_id, set()).add(record.topic.event)
    for saga_id, events in timelines.items():
        for one, other in EXCLUDED:
            found.expect(not {one, other} <= events, saga_id, f"both {one} and {other} were said")
    unknown = sum(_flow_version(rows[0]) not in LEGAL for rows in histories.values())
    aside = f"; {unknown} sagas of versions of the flow not known here" if unknown else ""
    looked_at = f"{steps} transitions of {len(histories)} sagas{aside}"
    return found.line(f"{looked_at}, events of {len(timelines)} timelines")


def _compare(found: Findings, state: Row, last: Row) -> None:
    """What stands is what the last transition led to."""
    stands = f"DONE/{state['status']}" if state["current_step"] == "DONE" else state["current_step"]
    text = f"it stands at {stands}, its history ends with {last['target']}"
    found.expect(stands == last["target"], state["saga_id"], text)
    text = f"its version is {state['version']}, its history ends with {last['version']}"
    found.expect(state["version"] == last["version"], state["saga_id"], text)
    same = _flow_version(state) == _flow_version(last)
    found.expect(
        same, state["saga_id"], "its state and its history are of two versions of the flow"
    )


def _flow_version(row: Row) -> int:
    """Before versions were stored there was one."""
    version: int = row.get("flow_version", 1)
    return version


def _walk(found: Findings, saga_id: str, history: list[Row]) -> None:
    first = history[0]["source"] == "" and history[0]["version"] == 1
    found.expect(first, saga_id, "its history does not begin at the beginning")
    version = _flow_version(history[0])
    text = f"it began on version {version} of the flow and went on with another"
    found.expect(all(_flow_version(row) == version for row in history), saga_id, text)
    for row in history:
        move = (row["source"], row["target"])
        kept = move[0] == move[1] and not move[0].startswith("DONE")
        legal = kept or version not in LEGAL or move in LEGAL[version]
        found.expect(legal, saga_id, f"{move[0] or '(none)'} → {move[1]} is not in the table")
    for before, after in pairwise(history):
        joined = before["target"] == after["source"]
        text = f"version {after['version']} starts at {after['source']}, not {before['target']}"
        found.expect(joined, saga_id, text)
        # A cancel mark or a refused undo has its entry too, from a state to the same state.
        text = f"version {after['version']} follows version {before['version']}"
        found.expect(after["version"] == before["version"] + 1, saga_id, text)


def success_has_all(stores: Stores) -> Line:
    """6: SUCCESS means charged, reserved and shipped; the other way round too when quiet."""
    found = Findings(6, "SUCCESS means charged, reserved, shipped")
    if why := missing(("payment", "inventory", "shipment"), stores.seen) or _no_ends(stores):
        return unseen(found.invariant, found.title, why)
    parts = [stores.by_saga(name) for name in PARTS]
    ends, quiet = stores.ends(), stores.open_sagas() == 0
    for saga_id, end in ends.items():
        done = [p[saga_id]["outcome"] == "DONE" if saga_id in p else False for p in parts]
        if end == "SUCCESS":
            found.expect(all(done), saga_id, f"SUCCESS, but charged, reserved, shipped is {done}")
        elif quiet:
            found.expect(not all(done), saga_id, f"charged, reserved and shipped, but {end}")
    count = sum(1 for end in ends.values() if end == "SUCCESS")
    return found.line(f"{count} SUCCESS of {len(ends)} sagas{'' if quiet else ', not quiet'}")


def failed_has_none(stores: Stores) -> Line:
    """7: FAILED means each step never done, refused, void or undone."""
    found = Findings(7, "FAILED means nothing is held")
    if why := missing(("payment", "inventory", "shipment"), stores.seen) or _no_ends(stores):
        return unseen(found.invariant, found.title, why)
    failed = [saga_id for saga_id, end in stores.ends().items() if end == "FAILED"]
    for name in PARTS:
        rows = stores.by_saga(name)
        for saga_id in failed:
            outcome = rows[saga_id]["outcome"] if saga_id in rows else "none"
            found.expect(outcome not in HELD, saga_id, f"FAILED, but {name} has it {outcome}")
    payments = stores.by_saga("payments")
    for saga_id, order in stores.by_saga("orders").items():
        if order["status"] == "FAILED":
            refunded = payments.get(saga_id, {}).get("outcome") == "UNDONE"
            text = f"{order['outcome']}, but payment has {'a' if refunded else 'no'} refund"
            found.expect(refunded == (order["outcome"] == "compensated"), saga_id, text)
    return found.line(f"{len(failed)} FAILED sagas, {len(PARTS)} stores")


def shipped_keeps(stores: Stores) -> Line:
    """8: shipped means never refunded and never released."""
    found = Findings(8, "shipped is never refunded, never released")
    if why := missing(("payment", "inventory", "shipment"), stores.seen):
        return unseen(found.invariant, found.title, why)
    shipped = {r["saga_id"] for r in stores.tables["shipments"] if r["outcome"] == "DONE"}
    undone = {row["saga_id"] for row in stores.tables["ledger"] if row["kind"] == "refund"}
    released = {row["saga_id"] for row in stores.tables["stock_moves"] if row["kind"] == "release"}
    owed = {
        (saga_id, name): row["outcome"]
        for name in ("payments", "reservations")
        for saga_id, row in stores.by_saga(name).items()
        if saga_id in shipped and row["outcome"] in ("OWED", "UNDONE")
    }
    for (saga_id, name), outcome in owed.items():
        found.expect("", saga_id, f"shipped, and {name} has it {outcome}")
    for saga_id in shipped:
        found.expect(saga_id not in undone, saga_id, "shipped and refunded")
        found.expect(saga_id not in released, saga_id, "shipped and its stock released")
    return found.line(f"{len(shipped)} shipped, {len(undone)} refunded, {len(released)} released")


def _no_ends(stores: Stores) -> str:
    known = {"order", "orchestrator"} & set(stores.seen)
    return "" if known else "neither order nor orchestrator was given"
