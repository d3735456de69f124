"""What happens in one seed: orders, cancels, poison and strays, outages; then the heal and the end.

A safety phase in which everything may go wrong, then the heal, then the liveness phase, at the end
of which every accepted order has ended.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from order.store_orders import NewOrder
from saga import contract
from saga.contract import Mode
from saga.terms import Terms
from saga.v1 import saga_pb2
from sagakit.shell.database import passes
from sim.processes import KILLER, SERVICES, Process
from sim.violation import Violated
from sim.world import BEGINNING, LIVENESS_SECONDS, Told, World

ORDERS_MIN, ORDERS_MAX = 3, 5
SAFETY_SECONDS_MIN, SAFETY_SECONDS_MAX = 12.0, 30.0
PLENTY = 10_000
RETRIED_EVERY_SECONDS = 5.0
DRINKS = {"espresso": 300, "flat-white": 420, "geisha": 900}
_UNDO_PERCENTS = (0, 0, 40, 70)
_DO_PERCENTS = (0, 0, 0, 30, 100)

_FINAL = ("REFUSED", "VOID", "UNDONE")
_UNDOES = {"payment": "payments", "inventory": "reservations"}
POISON = {
    b"\x0a\xff": "undecodable",
    b"": "empty",
    None: "null_value",
    KILLER: "crash_loop",
    b"\x0a\x03a b": "bad_saga_id",
    b"\x00" * (64 * 1024 + 1): "oversized",
}


def play(seed: int, *, story: bool = False, more: Mapping[str, float] = {}) -> tuple[Told, World]:
    """Run one seed; what it came to. `more` are rates in the place of those that it draws."""
    world = World(seed, story=story, more=more)
    scenario = Scenario(world)
    try:
        scenario.run()
    except Violated as violation:
        world.told.violation = str(violation)
    except Exception as error:  # noqa: BLE001 - a service that cannot go on is a finding too
        world.told.violation = f"error: {type(error).__name__}: {error}"
    world.told.orders = len(world.databases["order"].tables["orders"])
    world.close()
    return world.told, world


class Scenario:
    """One seed's plan, drawn from the world's chance."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = world.chance
        self.undo_may_come: set[str] = set()
        """Orders that are not placed yet: a do after the undo of a stranger would be undone."""
        self.safety_seconds = self._between(SAFETY_SECONDS_MIN, SAFETY_SECONDS_MAX)
        self.orders = [
            self._order(number) for number in range(self.chance.randint(ORDERS_MIN, ORDERS_MAX))
        ]

    def run(self) -> None:
        world = self.world
        self._stock()
        for service in SERVICES:
            for number in range(1 + int(self.chance.random() < world.rates.second)):
                process = Process(world, service, number + 1)
                world.processes.append(process)
                world.after(self.chance.random() * 2.0, partial(world.restart, process))
        self._plan_orders()
        self._plan_faults()
        self._plan_poison()
        self._retry_again()
        world.run(lambda: False, self.safety_seconds)
        self._heal()
        healed_at = world.time
        if not world.run(self._is_quiet, healed_at + LIVENESS_SECONDS):
            raise Violated(f"3: {self._unfinished()} {LIVENESS_SECONDS:.0f} s after the heal")
        world.told.heal_seconds = world.time - healed_at
        world.judge.quiet()

    # ------------------------------------------------------------ orders

    def _between(self, least: float, most: float) -> float:
        return least + (most - least) * self.chance.random()

    def _order(self, number: int) -> NewOrder:
        chance = self.chance
        drink, cents = chance.choice(list(DRINKS.items()))
        faults = ";".join(
            f"{step}={percent}"
            for step, percents in (
                *((step, _DO_PERCENTS) for step in contract.STEP_NAMES),
                *((step, _UNDO_PERCENTS) for step in contract.UNDO_NAMES),
            )
            if (percent := chance.choice(percents))
        )
        if chance.random() < 0.1:
            faults += f";{chance.choice(contract.STEP_NAMES)}=0,delay:{chance.randint(1, 9)}s"
        deadline = None
        if chance.random() < 0.15:
            deadline = BEGINNING + timedelta(seconds=self._between(2, 30))
        terms = Terms(f"customer-{number}", cents, "EUR", drink, 1, deadline, faults)
        saga_id = f"s{self.world.seed}-{number + 1}"
        return NewOrder(saga_id, Mode(chance.choice(self.world.modes)), terms, BEGINNING)

    def _stock(self) -> None:
        """In half of the seeds there is too little of something."""
        cups = self.chance.choice((1, 2, PLENTY, PLENTY))
        beans = self.chance.choice((18, 36, PLENTY, PLENTY))
        self.world.initial_stock = {
            "cups": cups,
            "beans": beans,
            "milk": PLENTY,
            "geisha-beans": PLENTY,
        }
        stock = self.world.databases["inventory"].tables["stock"]
        for name, units in self.world.initial_stock.items():
            stock[name] = {"ingredient": name, "available": units, "reserved": 0}
        couriers = self.world.databases["shipment"].tables["couriers"]
        for name in ("ada", "grace"):
            couriers[name] = {"courier_id": name, "on_duty": True}

    def _plan_orders(self) -> None:
        chance, world = self.chance, self.world
        strayed = chance.random() < 0.3
        for number, order in enumerate(self.orders):
            at = self._between(0.0, 6.0)
            if strayed and number == 0:
                world.after(at, partial(self._stray, order))
            else:
                world.after(at, partial(self._place, order))
            if chance.random() < 0.2:
                world.after(at + self._between(0.0, 5.0), partial(self._place, order, again=True))
            if chance.random() < 0.25:
                world.after(at + self._between(0.0, 8.0), partial(self._cancel, order))
            if chance.random() < 0.3:
                world.after(at + self._between(1.0, 12.0), partial(self._stray_late, order))
            if chance.random() < 0.15:
                world.after(at + self._between(1.0, 12.0), partial(self._contradict, order))

    def _someone(self, service: str) -> Process | None:
        up = [process for process in self.world.processes if process.is_up(service)]
        return self.chance.choice(up) if up else None

    def _place(self, order: NewOrder, *, again: bool = False) -> None:
        """As a caller does who is not answered: the same order again, until it is known."""
        known = order.saga_id in self.world.databases["order"].tables["orders"]
        if order.saga_id in self.undo_may_come or (known and not again):
            return
        process = self._someone("order")
        if process is not None:
            self.world.spawn(process, _ask(process.placing.write, [order]), "placing")
        if not again:
            self.world.after(2.0, lambda: self._place(order))

    def _cancel(self, order: NewOrder) -> None:
        process = self._someone("order")
        if process is not None and self.world.faulty:
            self.world.sometimes("cancel asked")
            cancel = _ask(process.placing.cancel, [order.saga_id])
            self.world.spawn(process, cancel, "cancelling")

    # ------------------------------------------------------------ messages of others

    def _stray(self, order: NewOrder) -> None:
        """An undo of unknown origin reaches a participant without a row; then the order is placed.

        Placed once there is a row, which is the fence, or the undo is lost.
        """
        self.world.sometimes("stray undo")
        topic, service, table, body = self.chance.choice(_undos(order))
        group = self.world.groups[service, order.mode.value]
        rows, broker = self.world.databases[service].tables[table], self.world.broker
        self.undo_may_come.add(order.saga_id)
        undo = broker.hand(group, topic, order.saga_id, body)

        def place_once_fenced() -> None:
            if order.saga_id in rows or not broker.may_come(group, undo):
                self.undo_may_come.discard(order.saga_id)
                self._place(order)
            else:
                self.world.after(0.5, place_once_fenced)

        place_once_fenced()

    def _stray_late(self, order: NewOrder) -> None:
        """An undo of unknown origin where nothing can be undone any more: the row is final."""
        topic, service, table, body = self.chance.choice(_undos(order))
        row = self.world.databases[service].tables[table].get(order.saga_id)
        if row is not None and row["outcome"] in _FINAL:
            self.world.sometimes("stray undo of a final row")
            group = self.world.groups[service, order.mode.value]
            self.world.broker.hand(group, topic, order.saga_id, body)

    def _contradict(self, order: NewOrder) -> None:
        """The same saga with another amount, where its true one is known already."""
        row = self.world.databases["payment"].tables["payments"].get(order.saga_id)
        if row is None or row["amount_cents"] is None:
            return
        if order.mode is Mode.CHOREO:
            message: Any = saga_pb2.OrderRequested(saga_id=order.saga_id)
            topic = contract.ORDER_REQUESTED.name
        else:
            message = saga_pb2.PaymentCommand(
                saga_id=order.saga_id, action="PAYMENT_ACTION_AUTHORIZE"
            )
            topic = contract.PAYMENT_COMMAND.name
        message.amount_cents, message.currency = row["amount_cents"] + 1, "EUR"
        self._say_poison(topic, order.saga_id, message.SerializeToString(), "contradiction")

    def _plan_poison(self) -> None:
        topics = [t.name for t in contract.TOPICS if t.mode in self.world.modes]
        for _ in range(self.chance.choice((0, 0, 1, 2))):
            topic = self.chance.choice(topics)
            value, reason = self.chance.choice(list(POISON.items()))
            self.world.after(
                self._between(1.0, 10.0),
                partial(self._say_poison, topic, "poison", value, reason),
            )

    def _say_poison(self, topic: str, key: str, value: bytes | None, reason: str) -> None:
        self.world.fault("poison", "stranger", f"{topic} {reason}")
        self.world.broker.append(topic, key, value, "", reason)

    # ------------------------------------------------------------ faults at a time

    def _plan_faults(self) -> None:
        chance, world = self.chance, self.world
        for database in world.databases.values():
            if chance.random() < world.rates.clock_off:
                database.skew_seconds = self._between(-3600.0, 3600.0)
                world.fault("clock off", database.service, f"{database.skew_seconds:.0f} s")
            if chance.random() < 0.15:
                self._sometime(partial(self._jump, database))
            if chance.random() < 0.15:
                self._outage(database, f"database {database.service}")
        if chance.random() < 0.25:
            self._outage(world.broker, "broker")
        if chance.random() < 0.2:
            self._sometime(self._forget)
        for group in world.broker.groups:
            if chance.random() < world.rates.rewind:
                self._sometime(partial(self._rewind, group))

    def _sometime(self, call: Callable[[], None]) -> None:
        self.world.after(self._between(1.0, self.safety_seconds), call)

    def _jump(self, database: Any) -> None:
        """Forwards by up to an hour; backwards a little, for what is due waits as long as that."""
        seconds = self.chance.choice((self._between(-3.0, 0.0), self._between(0.0, 3600.0)))
        database.skew_seconds += seconds
        self.world.fault("clock jumps", database.service, f"by {seconds:.0f} s")

    def _outage(self, server: Any, name: str) -> None:
        def begin() -> None:
            server.away = True
            self.world.fault("outage", name, "")
            self.world.after(self._between(1.0, 10.0), end)

        def end() -> None:
            if server.away:
                server.away = False
                self.world.note(name, "is back", "")
                self._tell_of_the_broker(server)

        self._sometime(begin)

    def _tell_of_the_broker(self, server: Any) -> None:
        if server is self.world.broker:
            for process in self.world.processes:
                if process.alive:
                    for tell in process.publisher.recovered:
                        tell()
            for group in server.groups:
                server.dispatch(group)

    def _forget(self) -> None:
        self.world.fault("broker amnesia", "broker", "all topics and offsets")
        self.world.broker.forget_everything()

    def _rewind(self, group: Any) -> None:
        self.world.fault("rewind", group.service, "")
        self.world.broker.rewind(group, self.chance.randint(1, 40))

    # ------------------------------------------------------------ the heal and the end

    def _retry_again(self) -> None:
        """A person who retries what is parked: rarely at first, always after the heal."""
        world = self.world
        if not world.faulty or self.chance.random() < 0.2:
            for database in world.databases.values():
                _retry(database)
        world.after(RETRIED_EVERY_SECONDS, self._retry_again)

    def _heal(self) -> None:
        world = self.world
        world.faulty = False
        world.note("world", "heals", "no fault from here on")
        world.broker.away = False
        for database in world.databases.values():
            database.away = False
        for process in world.processes:
            process.stopped_until = 0.0
            world.restart(process)
            for tell in process.publisher.recovered:
                tell()
        for group in world.broker.groups:
            world.broker.dispatch(group)

    def _is_quiet(self) -> bool:
        world = self.world
        if not world.broker.quiet():
            return False
        orders = world.databases["order"].tables["orders"]
        if len(orders) < len(self.orders):
            return False
        if any(one["status"] == "RUNNING" for one in orders.values()):
            return False
        if any(m.in_work for p in world.processes for m in p.members):
            return False
        for database in world.databases.values():
            if any(r["acknowledged_at"] is None for r in database.tables["outbox"].values()):
                return False
        return True

    def _unfinished(self) -> str:
        tables = self.world.databases["order"].tables["orders"]
        running = [
            f"{saga_id} is {row['current_step']}"
            for saga_id, row in tables.items()
            if row["status"] == "RUNNING"
        ]
        missing = [o.saga_id for o in self.orders if o.saga_id not in tables]
        inboxes = [g.service for g in self.world.broker.groups if g.inbox]
        unsaid = [
            database.service
            for database in self.world.databases.values()
            if any(r["acknowledged_at"] is None for r in database.tables["outbox"].values())
        ]
        return f"not ended {running}, never placed {missing}, unread {inboxes}, unsaid {unsaid}"


async def _ask(verb: Callable[[Any], Awaitable[Any]], what: Any) -> None:
    """A caller's question: what fails is answered with an error, and asked again."""
    try:
        await verb(what)
    except Exception as error:
        if not passes(error):
            raise


def _undos(order: NewOrder) -> list[tuple[str, str, str, bytes]]:
    """Every undo that a participant hears of this order: topic, service, its table, the message."""
    said: list[tuple[str, Any, dict[str, Any]]]
    if order.mode is Mode.CHOREO:
        said = [
            ("choreo.inventory-failed", saga_pb2.InventoryFailed, {"reason": "stray"}),
            ("choreo.inventory-released", saga_pb2.InventoryReleased, {"reason": "stray"}),
            ("choreo.shipment-failed", saga_pb2.ShipmentFailed, {"reason": "stray"}),
        ]
    else:
        said = [
            ("orch.payment-cmd", saga_pb2.PaymentCommand, {"action": "PAYMENT_ACTION_REFUND"}),
            (
                "orch.inventory-cmd",
                saga_pb2.InventoryCommand,
                {"action": "INVENTORY_ACTION_RELEASE"},
            ),
        ]
    found = []
    for topic, message, fields in said:
        service = next(name for name in _UNDOES if name in contract.TOPIC_BY_NAME[topic].heard_by)
        body = message(saga_id=order.saga_id, **fields).SerializeToString()
        found.append((topic, service, _UNDOES[service], body))
    return found


def _retry(database: Any) -> None:
    """A person's retry, as the repair verb does it: parked no more, due at once."""
    for table in ("payments", "reservations"):
        for saga_id, row in list(database.tables.get(table, {}).items()):
            if row["parked"]:
                database.world.sometimes("retried by a person")
                again = {"parked": False, "next_attempt_at": database.now}
                database.put(table, saga_id, {**row, **again})
    for saga_id, row in list(database.tables.get("saga_state", {}).items()):
        if row["parked_at"] is not None:
            database.world.sometimes("retried by a person")
            again = {"parked_at": None, "say_again_at": database.now, "attempts": 0}
            database.put("saga_state", saga_id, {**row, **again})
    database.commit()
