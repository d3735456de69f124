"""Every crash point of every handler in each mode, as a table: where who dies, and what drives it.

Pure: drawn from the contract and from the register of points. It must not know how a process is
started, nor how a death is seen.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import product
from typing import Final

from saga import contract
from saga.contract import Mode, Topic
from sagakit.shell.crash_points import Point

BATCH: Final = (Point.BATCH_DECIDED, Point.BATCH_COMMITTED, Point.BATCH_PUBLISHED)
AGAIN: Final = (
    Point.HAND_DECIDED,
    Point.HAND_COMMITTED,
    Point.BATCH_DECIDED,
    Point.ASIDE_WRITTEN,
    Point.BATCH_COMMITTED,
    Point.BATCH_PUBLISHED,
)
"""What a message passes that was in hand when a process died: it is counted before work."""

SAYING: Final = (
    Point.TRANSACTION_WRITTEN,
    Point.TRANSACTION_COMMITTED,
    Point.TRANSACTION_PUBLISHED,
)
SAGA: Final = "{saga}"
"""In an armament: the id of the saga that is placed for it."""

FIRST_OF_BATCH: Final = "{first of the batch}"
"""The same, of the one order of a batch."""

NO_STOCK, NO_COURIER, DECLINED = "inventory=100", "shipment=100", "payment=100"
HELD: Final = "payment=0,delay:4s"
"""Payment says its answer late, so that what awaits it is said again."""


class Drive(Enum):
    """What makes a process pass its point."""

    ORDER = auto()
    """An order in the trial's mode, with its faults."""
    UNHEARD = auto()
    """An order that the orchestrator is kept from hearing."""
    OWED = auto()
    """An order whose undo fails at first."""
    CANCEL = auto()
    START = auto()
    STOP = auto()
    POISON = auto()
    BATCH = auto()
    BATCH_CANCEL = auto()
    RECOVERY = auto()
    """Kafka dies and comes back."""
    REFILL = auto()
    PLACE = auto()
    """The command that places an order and leaves."""


@dataclass(frozen=True, slots=True)
class Death:
    """A service, and where it dies (`CRASH_AT`)."""

    service: str
    at: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One saga, and the deaths that are seen while it is on its way.

    Deaths of one service come one after the other. `undo`: the first death counts only where the
    saga was on its way back by then.
    """

    name: str
    deaths: tuple[Death, ...]
    mode: Mode = Mode.CHOREO
    drive: Drive = Drive.ORDER
    faults: str = ""
    undo: bool = False
    topic: Topic | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """Whom it kills or keeps dead, sorted."""
        kept_dead = {"orchestrator"} if self.drive is Drive.UNHEARD else set()
        return tuple(sorted({death.service for death in self.deaths} | kept_dead))


@dataclass(frozen=True, slots=True)
class Passing:
    """Where a saga passes a handler: the topic, the how manieth time, and with which faults."""

    service: str
    topic: Topic
    faults: str = ""
    time: int = 1

    @property
    def undo(self) -> bool:
        """Whether a command or reply of a compensation."""
        return self.time > 1

    def at(self, point: Point, time: int | None = None) -> str:
        """The armament. In a process that was started anew it is the first time again."""
        return f"{point}@{self.topic.name}/{SAGA}#{time or self.time}"


WAYS: Final = {
    contract.ORDER_REQUESTED: "",
    contract.PAYMENT_COMPLETED: "",
    contract.PAYMENT_FAILED: DECLINED,
    contract.PAYMENT_REFUNDED: NO_STOCK,
    contract.INVENTORY_RESERVED: "",
    contract.INVENTORY_FAILED: NO_STOCK,
    contract.INVENTORY_RELEASED: NO_COURIER,
    contract.SHIPMENT_SCHEDULED: "",
    contract.SHIPMENT_FAILED: NO_COURIER,
    contract.PLACE_ORDER: "",
    contract.PAYMENT_COMMAND: "",
    contract.PAYMENT_REPLY: "",
    contract.INVENTORY_COMMAND: "",
    contract.INVENTORY_REPLY: "",
    contract.SHIPMENT_COMMAND: "",
    contract.SHIPMENT_REPLY: "",
}
"""The faults with which an order comes by each topic."""

UNDOING: Final = {
    contract.PAYMENT_COMMAND: NO_STOCK,
    contract.PAYMENT_REPLY: NO_STOCK,
    contract.INVENTORY_COMMAND: NO_COURIER,
    contract.INVENTORY_REPLY: NO_COURIER,
}
"""Topics by which an order comes a second time, for its undo."""

DUES: Final = (
    ("payment", "payment-owed-undos", Mode.CHOREO, Drive.OWED, f"{NO_STOCK};refund=50"),
    ("inventory", "inventory-owed-undos", Mode.CHOREO, Drive.OWED, f"{NO_COURIER};release=50"),
    ("orchestrator", "awaited-commands", Mode.ORCH, Drive.ORDER, HELD),
    ("order", "open-orders", Mode.CHOREO, Drive.ORDER, HELD),
    ("order", "open-orders", Mode.ORCH, Drive.UNHEARD, ""),
)
"""What is said again: by whom, under which name, and what makes it due."""


def passings() -> list[Passing]:
    """Every handler's every message, those of the undo apart."""
    found = []
    for topic, faults in WAYS.items():
        found += [Passing(service, topic, faults) for service in topic.heard_by]
    for topic, faults in UNDOING.items():
        found += [Passing(service, topic, faults, 2) for service in topic.heard_by]
    return found


def serving(service: str) -> Iterator[Mode]:
    """The modes in which a service has a handler."""
    return (mode for mode in Mode if contract.heard_by(service, mode))


def every_trial() -> list[Trial]:
    """Each point of each handler in each mode once, in an order in which each can be passed."""
    found: list[Trial] = []
    for service in contract.DATABASES:
        found += [*_of_workers(service), *_of_batches(service), *_of_the_outbox(service)]
    return [*found, *_said_again(), *_of_order(), *_of_commands(), *_of_recovery()]


def _of_workers(service: str) -> Iterator[Trial]:
    for mode, point in product(serving(service), (Point.ENTER_WRITTEN, Point.ENTER_COMMITTED)):
        at = Death(service, f"{point}@{mode.value}")
        yield Trial(f"{service} {at.at}", (at,), mode, Drive.START)
    for mode, point in product(serving(service), (Point.HAND_DECIDED, Point.HAND_COMMITTED)):
        passing = next(p for p in passings() if p.service == service and p.topic.mode is mode)
        yield _dying(passing, point)
    for mode, point in product(serving(service), (Point.SEEN_DUE, Point.SEEN_COMMITTED)):
        at = Death(service, f"{point}@{mode.value}")
        yield Trial(f"{service} {at.at}", (at,), mode)
    for mode, point in product(serving(service), (Point.LEAVE_DUE, Point.LEAVE_COMMITTED)):
        at = Death(service, f"{point}@{mode.value}")
        yield Trial(f"{service} {at.at}", (at,), mode, Drive.STOP)


def _of_batches(service: str) -> Iterator[Trial]:
    mine = [passing for passing in passings() if passing.service == service]
    for passing, point in product(mine, BATCH):
        yield _dying(passing, point)
    for mode in serving(service):
        passing = next(one for one in mine if one.topic.mode is mode)
        for point in (Point.BATCH_DECIDED, Point.ASIDE_WRITTEN, Point.BATCH_COMMITTED):
            at = Death(service, passing.at(point))
            name = f"{service} puts aside {mode.value} {point}"
            yield Trial(name, (at,), mode, Drive.POISON, topic=passing.topic)
    for mode, point in product(serving(service), (Point.OFFSETS_DUE, Point.OFFSETS_SENT)):
        at = Death(service, f"{point}@{service}-{mode.value}")
        yield Trial(f"{service} {at.at}", (at,), mode)


def _dying(passing: Passing, *points: Point) -> Trial:
    """Dies at the first point, then at the others with the same message."""
    deaths = tuple(
        Death(passing.service, passing.at(point, 1 if number else None))
        for number, point in enumerate(points)
    )
    what = f"{passing.topic.name}{' (undo)' if passing.undo else ''}"
    name = f"{passing.service} {what} {' then '.join(points)}"
    return Trial(name, deaths, passing.topic.mode, faults=passing.faults, undo=passing.undo)


def _of_the_outbox(service: str) -> Iterator[Trial]:
    """What is left unsaid by a first death is what a sweeper finds."""
    mode = Mode.ORCH if service == "orchestrator" else Mode.CHOREO
    for point in (Point.GIVEN, Point.SETTLE_DECIDED, Point.SETTLE_COMMITTED):
        yield Trial(f"{service} {point}", (Death(service, point),), mode)
    speaking = next(p for p in passings() if p.service == service and p.topic.mode is mode)
    unsaid = speaking.at(Point.BATCH_COMMITTED)
    if service == "order":
        unsaid = f"{Point.TRANSACTION_COMMITTED}@placing/{SAGA}"
    for point in (Point.SWEEP_CHOSEN, Point.SWEEP_PUBLISHED):
        deaths = (Death(service, unsaid), Death(service, point))
        yield Trial(f"{service} {point}", deaths, mode)


def _said_again() -> Iterator[Trial]:
    for (service, purpose, mode, drive, faults), point in product(DUES, SAYING):
        at = Death(service, f"{point}@{purpose}/{SAGA}")
        yield Trial(f"{service} {purpose} {mode.value} {point}", (at,), mode, drive, faults)


def _of_order() -> Iterator[Trial]:
    for mode, point in product(Mode, SAYING):
        at = Death("order", f"{point}@placing/{SAGA}")
        yield Trial(f"order places {mode.value} {point}", (at,), mode)
        at = Death("order", f"{point}@placing/{FIRST_OF_BATCH}")
        yield Trial(f"order places a batch {mode.value} {point}", (at,), mode, Drive.BATCH)
        at = Death("order", f"{point}@cancelling/{SAGA}")
        yield Trial(f"order cancels {mode.value} {point}", (at,), mode, Drive.CANCEL, HELD)
    for point in (Point.INTAKE_DECIDED, Point.INTAKE_COMMITTED):
        at = Death("order", f"{point}@batch/batch-of-{SAGA}")
        yield Trial(f"order takes a batch {point}", (at,), Mode.ORCH, Drive.BATCH)
        at = Death("order", f"{point}@cancel/batch-of-{SAGA}")
        yield Trial(f"order ends a batch {point}", (at,), Mode.ORCH, Drive.BATCH_CANCEL, HELD)
    for point in (Point.RECORD_DECIDED, Point.RECORD_COMMITTED):
        at = Death("order", f"{point}@{SAGA}")
        yield Trial(f"order learns an end {point}", (at,), Mode.ORCH)


def _of_commands() -> Iterator[Trial]:
    """Processes that do one thing and leave."""
    for mode, point in product(Mode, SAYING):
        at = Death("order place", f"{point}@placing")
        yield Trial(f"order place {mode.value} {point}", (at,), mode, Drive.PLACE)
    for point in (Point.INTAKE_DECIDED, Point.INTAKE_COMMITTED):
        at = Death("inventory refill", f"{point}@{SAGA}")
        yield Trial(f"inventory refill {point}", (at,), Mode.CHOREO, Drive.REFILL)


def _of_recovery() -> Iterator[Trial]:
    """Everybody at once: Kafka dies for all of them."""
    resetting = dict.fromkeys((service, purpose) for service, purpose, *_ in DUES)
    for point in SAYING:
        deaths = tuple(Death(service, f"{point}@{name}-reset") for service, name in resetting)
        yield Trial(f"everybody after an outage {point}", deaths, drive=Drive.RECOVERY)


# ---------------------------------------------------------------- pairs


def pairs_within_a_handler() -> list[Trial]:
    """A message in hand twice when a process dies: each point, then each that it passes again."""
    return [_dying(one, *two) for one in passings() for two in product(BATCH, AGAIN)]


def random_pairs(count: int, seed: int) -> list[Trial]:
    """Two points on one saga's way, of one service or of two, drawn by the seed."""
    draw = random.Random(seed)  # noqa: S311 - a seed's own chance
    return [_pair(draw, number) for number in range(count)]


def _pair(draw: random.Random, number: int) -> Trial:
    mode, faults = draw.choice(list(Mode)), draw.choice(["", NO_STOCK, NO_COURIER])
    way = [p for p in passings() if p.topic.mode is mode and _is_on_the_way(p, faults)]
    first, second = draw.choice(way), draw.choice(way)
    if first.service == second.service and first != second:
        second = first  # one process: what it passed before it died is not passed again
    points = draw.choice(BATCH), draw.choice(AGAIN if first == second else BATCH)
    if first == second:
        trial = replace(_dying(first, *points), faults=faults)
    else:
        both = (Death(p.service, p.at(at)) for p, at in zip((first, second), points, strict=True))
        trial = Trial("", tuple(both), mode, faults=faults)
    told = " then ".join(f"{death.service} {death.at}" for death in trial.deaths)
    return replace(trial, name=f"pair {number} {mode.value} {faults or '-'}: {told}", undo=False)


def _is_on_the_way(passing: Passing, faults: str) -> bool:
    """Whether an order with these faults comes by."""
    if passing.faults == faults:
        return True
    return not passing.faults and passing.topic in _BEFORE[faults]


_BEFORE: Final[dict[str, Sequence[Topic]]] = {
    "": (),
    NO_STOCK: (
        contract.ORDER_REQUESTED,
        contract.PAYMENT_COMPLETED,
        contract.PLACE_ORDER,
        contract.PAYMENT_COMMAND,
        contract.PAYMENT_REPLY,
        contract.INVENTORY_COMMAND,
        contract.INVENTORY_REPLY,
    ),
    NO_COURIER: (
        contract.ORDER_REQUESTED,
        contract.PAYMENT_COMPLETED,
        contract.INVENTORY_RESERVED,
        contract.PLACE_ORDER,
        contract.PAYMENT_COMMAND,
        contract.PAYMENT_REPLY,
        contract.INVENTORY_COMMAND,
        contract.INVENTORY_REPLY,
        contract.SHIPMENT_COMMAND,
        contract.SHIPMENT_REPLY,
    ),
}
"""What an order passes before the way of its faults parts from that of a good one."""


def sample(trials: Sequence[Trial], count: int, seed: int) -> list[Trial]:
    """Some of them, the same for the same seed, in their order."""
    draw = random.Random(seed)  # noqa: S311 - a seed's own chance
    chosen = set(draw.sample(range(len(trials)), min(count, len(trials))))
    return [trial for number, trial in enumerate(trials) if number in chosen]
