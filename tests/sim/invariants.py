"""What must hold after every commit and when all is quiet, judged from tables and topics alone.

No production code is asked: the states, the legal moves and the sums are written out again here.
The numbers are those of the project's list of invariants.
"""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sim.violation import Violated

if TYPE_CHECKING:
    from sim.database import Change, Database
    from sim.world import World

ROWS = {"payment": "payments", "inventory": "reservations", "shipment": "shipments"}
SERVICE_OF = {table: service for service, table in ROWS.items()}
NOTHING_LEFT = {None, "REFUSED", "VOID", "UNDONE"}
_NEXT = {
    None: {"DONE", "REFUSED", "VOID", "UNDONE", "OWED"},
    "DONE": {"UNDONE", "OWED", "DONE"},
    "OWED": {"UNDONE", "OWED"},
}
"""What an outcome may become in one commit (17): of none an undone one, where a batch brings both.

What is not here is final."""

_DECIDED = ("outcome", "reason", "attempts", "occurred_at")
"""What a decision changes; when an undo is due next is the timer's."""

_FORWARD = {"AWAITING_PAYMENT", "AWAITING_INVENTORY", "AWAITING_SHIPMENT"}
_BACKWARD = {"COMPENSATING_INVENTORY", "COMPENSATING_PAYMENT"}
_MOVES = {
    ("", "AWAITING_PAYMENT"),
    ("", "DONE/FAILED"),
    ("AWAITING_PAYMENT", "AWAITING_INVENTORY"),
    ("AWAITING_PAYMENT", "COMPENSATING_PAYMENT"),
    ("AWAITING_PAYMENT", "DONE/FAILED"),
    ("AWAITING_INVENTORY", "AWAITING_SHIPMENT"),
    ("AWAITING_INVENTORY", "COMPENSATING_INVENTORY"),
    ("AWAITING_INVENTORY", "COMPENSATING_PAYMENT"),
    ("AWAITING_SHIPMENT", "DONE/SUCCESS"),
    ("AWAITING_SHIPMENT", "COMPENSATING_INVENTORY"),
    ("COMPENSATING_INVENTORY", "COMPENSATING_PAYMENT"),
    ("COMPENSATING_PAYMENT", "DONE/FAILED"),
    *((state, state) for state in _FORWARD | _BACKWARD),
}
"""The legal automaton (4). A state that stays notes a cancel or a refused undo."""

_SETTLED = {"DONE": {"do"}, "OWED": {"do"}, "UNDONE": {"do", "undo"}}
"""The effects that a participant's row stands for; of the others there are none."""
_EFFECT_OF = {"charge": "do", "reserve": "do", "refund": "undo", "release": "undo"}


class Judge:
    """Looks at each commit and at each record. Raises Violated."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._bytes: dict[str, bytes] = {}
        """Every outbox row that was ever committed, by id."""
        self._announced: dict[tuple[str, str], bytes] = {}

    def committed(self, database: "Database", changes: "list[Change]") -> None:
        said = {
            after["aggregateid"]
            for table, _key, before, after in changes
            if table == "outbox" and before is None and after is not None
        }
        sagas: dict[str, None] = {}
        for table, _key, before, after in changes:
            row = after or before or {}
            if table == "outbox":
                self._outbox(database, before, after)
            elif table in SERVICE_OF and after is not None:
                self._participant(table, before, after, said)
            elif table in ("orders", "saga_state"):
                self._saga(database, table, before, after or {}, said)
            elif table == "saga_history":
                self._history(database, after or {})
            if "saga_id" in row and table != "dead_letters":
                sagas[row["saga_id"]] = None
        for saga_id in sagas:
            self.saga(saga_id)
        if database.service == "inventory":
            self._stock(database)

    def published(self, message_id: str, value: bytes) -> None:
        """19 and 20: a record has its row, and the same id has the same bytes."""
        if message_id not in self._bytes:
            raise Violated(f"19: record {message_id} is in a topic and was in no outbox")
        if self._bytes[message_id] != value:
            raise Violated(f"20: record {message_id} has other bytes than its row")

    # ------------------------------------------------------------ one change

    def _outbox(self, database: "Database", before: Any, after: Any) -> None:
        if before is None:
            self._bytes[after["id"]] = after["payload"]
            self._announcement(database, after)
        settled = after is None or after["acknowledged_at"] is not None
        row_id = (after or before)["id"]
        if settled and row_id not in self._world.broker.logged:
            raise Violated(f"19: outbox row {row_id} was settled and is in no topic")

    def _announcement(self, database: "Database", row: Any) -> None:
        """What a participant announces of a saga it announces in the same words for ever."""
        if database.service not in ROWS or not row["aggregatetype"].startswith("choreo."):
            return
        key = (row["aggregatetype"], row["aggregateid"])
        first = self._announced.setdefault(key, row["payload"])
        if first != row["payload"]:
            raise Violated(f"20: {key[0]} of saga {key[1]} was announced in other words before")

    def _participant(self, table: str, before: Any, after: Any, said: set[str]) -> None:
        saga_id, now = after["saga_id"], after["outcome"]
        was = before["outcome"] if before else None
        if now not in _NEXT.get(was, {was}):
            raise Violated(f"17: {table} of saga {saga_id} went from {was} to {now}")
        decided = before and any(before[name] != after[name] for name in _DECIDED)
        if before and after["version"] - before["version"] != bool(decided):
            raise Violated(f"5: {table} of saga {saga_id}: version {after['version']} is not +1")
        if now not in (was, "OWED") and saga_id not in said:
            raise Violated(f"18: {table} of saga {saga_id} became {now} and nothing is said of it")
        self._world.sometimes(f"{SERVICE_OF[table]} {now}")

    def _saga(
        self, database: "Database", table: str, before: Any, after: Any, said: set[str]
    ) -> None:
        saga_id = after["saga_id"]
        if table == "saga_state":
            self._versions(database, saga_id, after["version"])
        if before is None:
            if not after.get("adopted") and after["status"] == "RUNNING" and saga_id not in said:
                raise Violated(f"18: {table} has saga {saga_id} and nothing is said of it")
            return
        if before["status"] != "RUNNING" and after["status"] != before["status"]:
            raise Violated(
                f"2: {table} of saga {saga_id} left {before['status']} for {after['status']}"
            )
        if table == "orders" and after["version"] - before["version"] not in (0, 1):
            raise Violated(f"5: {table} of saga {saga_id}: version {after['version']} is not +1")
        if before["status"] == "RUNNING" and after["status"] != "RUNNING":
            self._world.sometimes(f"{table} {after['status']}")
        moved = after["current_step"] != before["current_step"] and after["status"] == "RUNNING"
        if table == "saga_state" and moved and saga_id not in said:
            raise Violated(f"18: saga {saga_id} is {after['current_step']} and nothing is said")

    def _versions(self, database: "Database", saga_id: str, version: int) -> None:
        """5: a version for each entry of the history, though a batch may bring several."""
        entries = database.tables["saga_history"]
        if (saga_id, version) not in entries or (saga_id, version + 1) in entries:
            raise Violated(f"5: saga {saga_id} has version {version}, its history another")

    def _history(self, database: "Database", entry: Any) -> None:
        saga_id, version = entry["saga_id"], entry["version"]
        if (entry["source"], entry["target"]) not in _MOVES:
            raise Violated(f"4: saga {saga_id} went from {entry['source']} to {entry['target']}")
        before = database.tables["saga_history"].get((saga_id, version - 1))
        if (before["target"] if before else "") != entry["source"]:
            raise Violated(
                f"4: saga {saga_id}: entry {version} does not begin where the last ended"
            )

    # ------------------------------------------------------------ one saga, across the services

    def _row(self, service: str, saga_id: str) -> Any:
        return self._world.databases[service].tables[ROWS[service]].get(saga_id)

    def saga(self, saga_id: str) -> None:
        """6, 7, 8, 11, 12, 16: no step contradicts another, nor its own effects."""
        tables = {name: one.tables for name, one in self._world.databases.items()}
        outcome = {
            service: (tables[service][table].get(saga_id) or {}).get("outcome")
            for service, table in ROWS.items()
        }
        if outcome["shipment"] == "DONE":
            for service in ("payment", "inventory"):
                if outcome[service] != "DONE":
                    raise Violated(f"8: saga {saga_id} is shipped and {service} {outcome[service]}")
        order = tables["order"]["orders"].get(saga_id) or {}
        state = tables["orchestrator"]["saga_state"].get(saga_id) or {}
        for row in (order, state):
            status = row.get("status")
            if status == "SUCCESS" and outcome["shipment"] != "DONE":
                raise Violated(f"6: saga {saga_id} is SUCCESS and was not shipped")
            if status == "FAILED":
                left = {s: o for s, o in outcome.items() if o not in NOTHING_LEFT}
                if left:
                    raise Violated(f"7: saga {saga_id} is FAILED and there is left {left}")
        self._money(saga_id, tables["payment"], outcome["payment"])
        self._units(saga_id, tables["inventory"], outcome["inventory"])
        sent = saga_id in tables["shipment"]["assignments"]
        if sent != (outcome["shipment"] == "DONE"):
            raise Violated(f"16: saga {saga_id}: courier sent {sent}, row {outcome['shipment']}")

    def _money(self, saga_id: str, tables: Any, outcome: str | None) -> None:
        """9 and 11: what was moved is what the row says, once, and sums to zero."""
        sums: dict[str, int] = defaultdict(int)
        shop: dict[str, int] = {}
        for entry in tables["ledger"].values():
            if entry["saga_id"] == saga_id:
                sums[entry["kind"]] += entry["amount_cents"]
                if entry["account"] == "shop":
                    shop[entry["kind"]] = entry["amount_cents"]
        if any(sums.values()):
            raise Violated(f"9: ledger of saga {saga_id} does not sum to 0: {dict(sums)}")
        if {_EFFECT_OF[kind] for kind in sums} != _SETTLED.get(outcome or "", set()):
            raise Violated(f"11: saga {saga_id}: ledger has {sorted(sums)}, row says {outcome}")
        if "refund" in shop and shop["refund"] != -shop.get("charge", 0):
            raise Violated(f"11: saga {saga_id}: refunded {shop['refund']} of {shop['charge']}")
        row = tables["payments"].get(saga_id)
        if "charge" in shop and shop["charge"] != row["amount_cents"]:
            raise Violated(f"11: saga {saga_id}: charged {shop['charge']}")

    def _units(self, saga_id: str, tables: Any, outcome: str | None) -> None:
        moved: dict[str, dict[str, int]] = defaultdict(dict)
        for move in tables["stock_moves"].values():
            if move["saga_id"] == saga_id:
                moved[move["kind"]][move["ingredient"]] = move["units"]
        if {_EFFECT_OF[kind] for kind in moved} != _SETTLED.get(outcome or "", set()):
            raise Violated(f"14: saga {saga_id}: moved {sorted(moved)}, row says {outcome}")
        if "release" in moved and moved["release"] != moved["reserve"]:
            raise Violated(f"14: saga {saga_id}: released other units than were reserved")

    def _stock(self, database: "Database") -> None:
        """13 and 14: nothing negative, nothing made and nothing gone."""
        held: dict[str, int] = defaultdict(int)
        for move in database.tables["stock_moves"].values():
            held[move["ingredient"]] += move["units"] * (1 if move["kind"] == "reserve" else -1)
        for name, shelf in database.tables["stock"].items():
            if min(shelf["available"], shelf["reserved"]) < 0:
                raise Violated(f"13: {name} is negative: {shelf}")
            if shelf["available"] + shelf["reserved"] != self._world.initial_stock[name]:
                raise Violated(f"14: of {name} there is {shelf}")
            if shelf["reserved"] != held[name]:
                raise Violated(f"14: of {name} {held[name]} are held and {shelf}")

    # ------------------------------------------------------------ when all is quiet

    def quiet(self) -> None:
        """1, 6 and 7 both ways, 10, 12, 15, 19, 21, 22."""
        tables = {name: one.tables for name, one in self._world.databases.items()}
        kept = 0
        for saga_id, order in tables["order"]["orders"].items():
            self.saga(saga_id)
            rows = {service: self._row(service, saga_id) for service in ROWS}
            success = order["status"] == "SUCCESS"
            for service, row in rows.items():
                if (row is not None and row["outcome"] == "DONE") != success:
                    raise Violated(f"6: saga {saga_id} is {order['status']}, {service} {row}")
            state = tables["orchestrator"]["saga_state"].get(saga_id)
            if (state is not None) != (order["mode"] == "orch"):
                raise Violated(f"1: saga {saga_id} of mode {order['mode']} has state {state}")
            if state is not None and state["status"] != order["status"]:
                raise Violated(f"22: saga {saga_id}: order {order['status']}, {state['status']}")
            kept += order["amount_cents"] if success else 0
        shop = sum(
            entry["amount_cents"]
            for entry in tables["payment"]["ledger"].values()
            if entry["account"] == "shop"
        )
        if shop != kept:
            raise Violated(f"10: {shop} cents were kept, {kept} are the price of what was sent")
        self._letters()

    def _letters(self) -> None:
        """21: what cannot be handled is put aside, each time, and nothing else is."""
        world = self._world
        for group in world.broker.groups:
            letters = {
                (key[0], key[1], key[2]): row["reason"]
                for key, row in world.databases[group.service].tables["dead_letters"].items()
            }
            for place, reason in letters.items():
                if place not in world.poison and reason != "crash_loop":
                    raise Violated(f"21: {group.service} put aside {place} ({reason}), a sound one")
                world.sometimes(f"dead letter {reason}")
            for record in group.history:
                place = (record.topic, record.partition, record.offset)
                if place in world.poison and place not in letters:
                    raise Violated(f"21: {group.service} heard poison {place} and dropped it")
