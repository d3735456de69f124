"""A sound world for the audit: two sagas in rows, outboxes, dead letters and records.

A delivered choreographed order, and an orchestrated one that was undone from its last step. A test
takes it, plants one violation, and sees it named.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from brewsaga.audit import Report, judge
from brewsaga.audit.stores import Row, Stores
from brewsaga.audit.topics import Said, saga_of
from saga import contract
from saga.v1 import saga_pb2 as pb

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS: Final = int(NOW.timestamp() * 1000)
GOOD, BAD = "good", "bad"
PREFIX: Final = "saga-"
EVERYONE: Final = ("order", "orchestrator", "shipment", "inventory", "payment")
PATH: Final = (
    "",
    "AWAITING_PAYMENT",
    "AWAITING_INVENTORY",
    "AWAITING_SHIPMENT",
    "COMPENSATING_INVENTORY",
    "COMPENSATING_PAYMENT",
    "DONE/FAILED",
)


@dataclass
class Audited:
    """Everything that an audit reads, to be spoiled."""

    tables: dict[str, list[Row]]
    outbox: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in EVERYONE})
    letters: dict[str, list[Row]] = field(default_factory=lambda: {"payment": []})
    said: list[Said] = field(default_factory=list)
    seen: tuple[str, ...] = EVERYONE

    def report(self, *, topics: bool = True, came_meanwhile: int = 0) -> Report:
        stores = Stores(self.seen, self.tables, self.outbox, self.letters, came_meanwhile)
        return judge(stores, self.said if topics else None, PREFIX)

    def say(self, topic: contract.Topic, saga_id: str, **fields: Any) -> None:
        """One message of ours: its outbox row, and its record with the same id."""
        number = f"id-{len(self.said)}"
        value = getattr(pb, topic.message)(saga_id=saga_id, **fields).SerializeToString()
        self.outbox[topic.said_by].append(
            {
                "id": number,
                "aggregatetype": PREFIX + topic.name,
                "aggregateid": saga_id,
                "type": topic.message,
                "payload": value,
                "created_at": NOW,
                "acknowledged_at": NOW,
            }
        )
        self.hear(topic, value, saga_id, number)

    def hear(self, topic: contract.Topic, value: bytes, key: str, message_id: str = "") -> None:
        """One record as it lies in a topic, read as the audit reads it."""
        message = getattr(pb, topic.message).FromString(value)
        self.said.append(
            Said(topic, saga_of(value, message), message_id, NOW_MS, value, message, key)
        )


Plant = Callable[[Audited], None]


def sound() -> Audited:
    """No promise is broken here."""
    order = {"amount_cents": 300, "currency": "EUR", "batch_id": None, "adopted": False}
    order |= {"created_at": NOW, "current_step": "DONE"}
    good = {"saga_id": GOOD, "mode": "choreo", "status": "SUCCESS", "outcome": "completed"}
    bad = {"saga_id": BAD, "mode": "orch", "status": "FAILED", "outcome": "compensated"}
    state = {"saga_id": BAD, "status": "FAILED", "version": len(PATH) - 1} | order
    world = Audited(
        {
            "orders": [good | order, bad | order],
            "batches": [],
            "order_events": [
                {"saga_id": GOOD, "event": event}
                for event in ("payment-completed", "inventory-reserved", "shipment-scheduled")
            ],
            "saga_state": [state],
            "saga_history": [step(BAD, n, PATH[n - 1], PATH[n]) for n in range(1, len(PATH))],
            "payments": [paid_row(GOOD, "DONE"), paid_row(BAD, "UNDONE")],
            "reservations": [part(GOOD, "DONE"), part(BAD, "UNDONE")],
            "shipments": [part(GOOD, "DONE"), part(BAD, "REFUSED")],
            "assignments": [{"saga_id": GOOD, "created_at": NOW}],
            "stock": [{"ingredient": "beans", "available": 82, "reserved": 18}],
            "stock_moves": [
                move("initial", "initial", 100),
                move(GOOD, "reserve", 18),
                move(BAD, "reserve", 18),
                move(BAD, "release", 18),
            ],
            "ledger": [*paid(GOOD, "charge"), *paid(BAD, "charge"), *paid(BAD, "refund")],
        }
    )
    say_all(world)
    return world


def say_all(world: Audited) -> None:
    """Every message of the two sagas, each once."""
    price: dict[str, Any] = {"amount_cents": 300, "currency": "EUR"}
    world.say(contract.ORDER_REQUESTED, GOOD, **price)
    world.say(contract.PAYMENT_COMPLETED, GOOD, payment_id="pay-good", **price)
    world.say(contract.INVENTORY_RESERVED, GOOD, reservation_id="res-good")
    world.say(contract.SHIPMENT_SCHEDULED, GOOD, shipment_id="ship-good")
    world.say(contract.PLACE_ORDER, BAD, **price)
    world.say(contract.PAYMENT_COMMAND, BAD, action=pb.PAYMENT_ACTION_AUTHORIZE, **price)
    done = {"ok": True, "payment_id": "pay-bad"}
    world.say(contract.PAYMENT_REPLY, BAD, action=pb.PAYMENT_ACTION_AUTHORIZE, **done)
    world.say(contract.INVENTORY_COMMAND, BAD, action=pb.INVENTORY_ACTION_RESERVE)
    held = {"ok": True, "reservation_id": "res-bad"}
    world.say(contract.INVENTORY_REPLY, BAD, action=pb.INVENTORY_ACTION_RESERVE, **held)
    world.say(contract.SHIPMENT_COMMAND, BAD, action=pb.SHIPMENT_ACTION_SCHEDULE)
    world.say(contract.SHIPMENT_REPLY, BAD, action=pb.SHIPMENT_ACTION_SCHEDULE, reason="none free")
    world.say(contract.INVENTORY_COMMAND, BAD, action=pb.INVENTORY_ACTION_RELEASE)
    world.say(contract.INVENTORY_REPLY, BAD, action=pb.INVENTORY_ACTION_RELEASE, **held)
    world.say(contract.PAYMENT_COMMAND, BAD, action=pb.PAYMENT_ACTION_REFUND)
    world.say(contract.PAYMENT_REPLY, BAD, action=pb.PAYMENT_ACTION_REFUND, **done)


# ---------------------------------------------------------------- rows


def step(saga_id: str, version: int, source: str, target: str) -> Row:
    row = {"saga_id": saga_id, "version": version, "source": source, "target": target}
    return row | {"created_at": NOW}


def part(saga_id: str, outcome: str) -> Row:
    mode = "orch" if saga_id == BAD else "choreo"
    ids = {"reservation_id": f"res-{saga_id}", "shipment_id": f"ship-{saga_id}"}
    return {"saga_id": saga_id, "mode": mode, "outcome": outcome} | ids


def paid_row(saga_id: str, outcome: str) -> Row:
    price = {"payment_id": f"pay-{saga_id}", "amount_cents": 300, "currency": "EUR"}
    return dict(part(saga_id, outcome)) | price


def move(saga_id: str, kind: str, units: int) -> Row:
    row = {"saga_id": saga_id, "kind": kind, "ingredient": "beans", "units": units}
    return row | {"created_at": NOW}


def paid(saga_id: str, kind: str, cents: int = 300, currency: str = "EUR") -> list[Row]:
    sign = 1 if kind == "charge" else -1
    row = {"saga_id": saga_id, "kind": kind, "currency": currency, "created_at": NOW}
    return [
        row | {"account": "shop", "amount_cents": sign * cents},
        row | {"account": "customer", "amount_cents": -sign * cents},
    ]


def letter(value: bytes, **fields: Any) -> Row:
    row = {"topic": "choreo.order-requested", "partition": 0, "offset": 1, "saga_id": None}
    row |= {"reason": "undecodable", "payload": value[:65_536], "size_bytes": len(value)}
    return row | {"sha256": hashlib.sha256(value).digest()} | fields


# ---------------------------------------------------------------- plants


def change(table: str, saga_id: str, **fields: Any) -> Plant:
    def plant(world: Audited) -> None:
        rows = world.tables[table]
        assert any(row["saga_id"] == saga_id for row in rows)
        world.tables[table] = [
            dict(row) | fields if row["saga_id"] == saga_id else row for row in rows
        ]

    return plant


def add(table: str, *rows: Row) -> Plant:
    return lambda world: world.tables[table].extend(rows)


def remove(table: str, saga_id: str, **where: Any) -> Plant:
    def plant(world: Audited) -> None:
        wanted = {"saga_id": saga_id} | where
        kept = [r for r in world.tables[table] if any(r[k] != v for k, v in wanted.items())]
        assert len(kept) < len(world.tables[table])
        world.tables[table] = kept

    return plant


def both(*plants: Plant) -> Plant:
    def plant(world: Audited) -> None:
        for one in plants:
            one(world)

    return plant


def say(topic: contract.Topic, saga_id: str, **fields: Any) -> Plant:
    return lambda world: world.say(topic, saga_id, **fields)


def forget_row(service: str, message: str) -> Plant:
    """Lose the first outbox row of this type."""

    def plant(world: Audited) -> None:
        rows = world.outbox[service]
        rows.remove(next(row for row in rows if row["type"] == message))

    return plant


def forget_record(topic: contract.Topic) -> Plant:
    def plant(world: Audited) -> None:
        world.said.remove(next(record for record in world.said if record.topic is topic))

    return plant
