"""The five services as production builds them, over a database and a broker in memory.

The consumer loop, the handlers, the stores with their SQL, what is said again, the sweeper, the
follower and the placing are production's own. Replaced are the Kafka client, asyncpg, HTTP between
order and the orchestrator, metrics and `asyncio`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from inventory.__main__ import BLUEPRINT as INVENTORY
from inventory.domain import STEP as INVENTORY_STEP
from inventory.domain import UNDO_STEP as RELEASE_STEP
from orchestrator import api
from orchestrator.domain import Policy
from orchestrator.handler import AwaitedCommands, Orchestration
from order import follower, orchestrator_client
from order.due import OpenOrders
from order.follower import Follower, Turn
from order.handler import Timeline
from order.orchestrator_client import Unreachable
from order.placing import Placing
from order.ports import Limits
from payment.__main__ import BLUEPRINT as PAYMENT
from payment.domain import STEP as PAYMENT_STEP
from payment.domain import UNDO_STEP as REFUND_STEP
from sagakit.core.chance import Odds
from sagakit.shell import loop, outbox, resay, runtime, sweeper, workers
from sagakit.shell.database import passes
from sagakit.shell.faults import Switchboard
from sagakit.shell.loop import Worker
from sagakit.shell.participant import Participant, serve
from sagakit.shell.ports import Record
from sagakit.shell.resay import Resayer
from sagakit.shell.rows import Backoff, RowTable
from sagakit.shell.runtime import Runtime
from sagakit.shell.settings import KitSettings
from sagakit.shell.sweeper import OLD_SECONDS, Sweeper
from shipment.__main__ import BLUEPRINT as SHIPMENT
from shipment.domain import NO_UNDO_STEP
from shipment.domain import STEP as SHIPMENT_STEP
from sim.broker import Member, Publisher
from sim.database import Pool
from sim.tasks import LOOP, Current, Queue

if TYPE_CHECKING:
    from sim.world import World

RESAY_AFTER_SECONDS = 2.0
RESAY_MAX_SECONDS = 8.0
PARK_AFTER_ATTEMPTS = 3
KILLER = b"\xff\xff killer"
"""A message whose decoding ends the process, as a fault in native code would."""

SERVICES = ("payment", "inventory", "shipment", "order", "orchestrator")
SETTINGS = {
    keep: KitSettings(topic_prefix="", outbox_keep=keep, database_url="memory")
    for keep in (False, True)
}
LIMITS = Limits(resay_after_seconds=RESAY_AFTER_SECONDS, resay_max_seconds=RESAY_MAX_SECONDS)
DECODED_KEPT = 1_024
"""Records whose reading is remembered: most come more than once."""
FIRST_OF_A_CONTAINER = 1
"""Every process's own id, as in a container: the true one would be another in each run."""


class Killed(BaseException):
    """The process is no more."""


class Ids:
    """Ids in the order in which they are asked for: a seed gives the same ones in any process."""

    count = 0

    @classmethod
    def next(cls) -> int:
        cls.count += 1
        return cls.count


def _message_ids(count: int) -> list[str]:
    return [f"{Ids.next():032x}" for _ in range(count)]


def _jitter(low: float, high: float) -> float:
    jittered: float = Current.world.chance.uniform(low, high)
    return jittered


class Fragile:
    """A handler that dies of one kind of message, and reads what comes twice once."""

    def __init__(self, handler: Any) -> None:
        self._decode = lru_cache(DECODED_KEPT)(handler.decode)
        self.service, self.mode, self.topics = handler.service, handler.mode, handler.topics
        self.handle, self.committed = handler.handle, handler.committed

    def decode(self, record: Record) -> Any:
        if record.value == KILLER:
            raise Killed
        return self._decode(record)


@dataclass
class Parts:
    """What the processes of one service share: it has no state."""

    handlers: list[Any]
    dues: list[Any]


def _participant(blueprint: Any, step: str, undo_step: str) -> Parts:
    prefix, name = blueprint.reference_prefix, blueprint.choreography.service
    odds = Odds(step, undo_step, "sim", faults_enabled=True)
    participant = Participant(
        name,
        blueprint.wire(odds),
        RowTable(blueprint.shape, Backoff(RESAY_AFTER_SECONDS, RESAY_MAX_SECONDS)),
        blueprint.store(odds, lambda: f"{prefix}{Ids.next()}"),
        PARK_AFTER_ATTEMPTS,
    )
    handlers, dues = serve(
        participant, ("choreo", "orch"), blueprint.choreography, blueprint.orchestration
    )
    return Parts([Fragile(handler) for handler in handlers], list(dues))


def _timeline() -> Timeline:
    now = lambda: Current.world.moment(0.0)  # noqa: E731
    return Timeline(resay_after_seconds=RESAY_AFTER_SECONDS, utc_now=now)


def _all_parts() -> dict[str, Parts]:
    policy = Policy(RESAY_AFTER_SECONDS, PARK_AFTER_ATTEMPTS)
    return {
        "payment": _participant(PAYMENT, PAYMENT_STEP, REFUND_STEP),
        "inventory": _participant(INVENTORY, INVENTORY_STEP, RELEASE_STEP),
        "shipment": _participant(SHIPMENT, SHIPMENT_STEP, NO_UNDO_STEP),
        "order": Parts([Fragile(_timeline())], [OpenOrders(LIMITS)]),
        "orchestrator": Parts(
            [Fragile(Orchestration(policy, lambda _ids: None))],
            [AwaitedCommands(RESAY_AFTER_SECONDS, RESAY_MAX_SECONDS)],
        ),
    }


PARTS = _all_parts()


def drive() -> None:
    """Put the simulator in the place of what the production modules import. Once a process."""
    replaced: tuple[tuple[Any, str, Any], ...] = (
        (loop, "asyncio", LOOP),
        (follower, "asyncio", LOOP),
        (loop, "ConsumerThread", Member),
        (loop, "random", SimpleNamespace(uniform=_jitter)),
        (outbox, "message_ids", _message_ids),
        (workers, "uuid4", lambda: f"worker-{Ids.next()}"),
        (workers, "os", SimpleNamespace(getpid=lambda: FIRST_OF_A_CONTAINER)),
        *((module, "reached", _nothing) for module in (loop, runtime, workers, sweeper, follower)),
        *((module, "log", _Silent()) for module in (loop, resay, follower, sweeper, workers)),
    )
    for module, name, value in replaced:
        getattr(module, name)  # what is not there any more is an error
        setattr(module, name, value)


def _nothing(*_arguments: Any, **_named: Any) -> None:
    return None


class _Silent:
    """A log that counts what production complains of as broken."""

    def __getattr__(self, _name: str) -> Any:
        return _nothing

    def exception(self, text: str, *_arguments: Any, **_named: Any) -> None:
        Current.world.sometimes("logged an exception")


class _Watched(Worker[Any]):
    """The loop without its metrics. What is done after an unclean stop is shown to the judge."""

    _known_killers: frozenset[Any] = frozenset()

    async def _work_cautiously(self, records: Sequence[Record]) -> None:
        self._known_killers = Current.world.judge.killers(self._handler.service)
        await super()._work_cautiously(records)
        self._known_killers = frozenset()

    def _read(self, records: Sequence[Record]) -> Any:
        Current.world.judge.read(records, self._known_killers)
        return super()._read(records)

    def _observe(self, *_arguments: Any) -> None:
        return None

    def _observe_times(self, *_arguments: Any) -> None:
        return None


class _Metrics:
    """Counts nothing."""

    def observe(self, *_arguments: Any) -> None:
        return None


class Client:
    """`OrchestratorClient` without HTTP: the orchestrator's own answer, read as order reads it."""

    def __init__(self, process: "Process") -> None:
        self._world = process.world

    async def standings(self, saga_ids: Sequence[str]) -> list[Any]:
        living = [one for one in self._world.processes if one.is_up("orchestrator")]
        if not living:
            raise Unreachable("no orchestrator answers")
        pool: Any = Pool(living[0])
        found = await api._look(pool, sorted(saga_ids), ended_only=False)
        return [orchestrator_client._report(saga) for saga in found]


class Process:
    """One process of one service: it is started, killed and started again under the same name."""

    def __init__(self, world: "World", service: str, number: int) -> None:
        self.world = world
        self.service = service
        self.name = f"{service}-{number}"
        self.database = world.databases[service]
        self.alive = False
        self.stopped_until = 0.0
        self.tasks: set[Any] = set()
        self.members: list[Member] = []

    def is_up(self, service: str) -> bool:
        return self.service == service and self.alive and self.stopped_until <= self.world.time

    def start(self) -> None:
        world, parts = self.world, PARTS[self.service]
        self.alive, self.stopped_until = True, 0.0
        self.publisher = Publisher(self)
        pool: Any = Pool(self)
        self.pool = pool
        settings = SETTINGS[world.keeps_outbox]
        publisher: Any = self.publisher
        metrics: Any = _Metrics()
        self.runtime = Runtime(
            self.service, settings, pool, publisher, metrics, Switchboard(self._clock)
        )
        self.resayer = Resayer(self.runtime, parts.dues)
        for due in parts.dues:
            self.resayer._came_back[due.name] = False
        self.sweeper = Sweeper(self.runtime)
        self.dues = parts.dues
        if self.service == "order":
            self._start_order()
        self.members = [
            self._join(handler) for handler in parts.handlers if handler.mode in world.modes
        ]
        world.after(world.chance.random(), self._tick)

    def _start_order(self) -> None:
        self.placing = Placing(self.runtime, LIMITS, clock=self._clock)
        self.follower = Follower(self.pool, Client(self))  # type: ignore[arg-type]
        self.turn = Turn(self.pool)

    def _clock(self) -> datetime:
        """The clock of the machine, which is right: those of the databases need not be."""
        return self.world.moment(0.0)

    def _join(self, handler: Any) -> Member:
        worker = _Watched(handler, self.runtime, workers.Crew())
        worker._row.host = self.name
        worker._batches = Queue()  # type: ignore[assignment]
        member: Member = worker.consumer  # type: ignore[assignment]
        member.deliver = worker._batches.put_nowait
        member.process = self
        member.group = self.world.groups[handler.service, handler.mode]
        self.world.spawn(self, worker.run(), f"worker {handler.mode}")
        return member

    def kill(self, why: str) -> None:
        """Kill -9: nothing that was in memory remains."""
        if not self.alive:
            return
        self.alive = False
        self.world.note(self.name, "killed", why)
        self.close()
        for member in self.members:
            self.world.broker.return_to_group(member)
        self.members = []

    def close(self) -> None:
        """End every task where it stands; the order does not depend on any hash."""
        tasks, self.tasks = self.tasks, set()
        for task in sorted(tasks, key=lambda task: task.name):
            task.coroutine.close()

    # ------------------------------------------------------------ timers

    def _tick(self) -> None:
        """Every other second: what production's background tasks do, where there is something."""
        world = self.world
        if not self.alive:
            return
        if self.stopped_until <= world.time and not any(t.name == "timer" for t in self.tasks):
            work = self._timers()
            if work is not None:
                world.spawn(self, work, "timer")
        world.after(1.5 + world.chance.random(), self._tick)

    def _timers(self) -> Any:
        follows = self.service == "order" and self._any_open("orch")
        due = self._is_due()
        sweeps = self._is_swept()
        if not (follows or due or sweeps or self.publisher._acknowledged):
            return None
        return self._run_timers(follows=follows, due=due, sweeps=sweeps)

    async def _run_timers(self, *, follows: bool, due: bool, sweeps: bool) -> None:
        if due and self.runtime.healthy():
            for one in self.dues:
                await self.resayer._ask(one)
        if sweeps and self.runtime.healthy():
            await self._pass(self.sweeper.sweep)
        await self._pass(self.runtime.settle)
        if follows:
            await self.follower._learn(self.follower._look(self.turn))

    async def _pass(self, work: Any) -> None:
        """As the sweeper's two loops do: what fails is tried again at the next turn."""
        try:
            await work()
        except Exception as error:
            if not passes(error):
                raise

    def _any_open(self, mode: str) -> bool:
        for one in self.database.tables["orders"].values():
            if one["status"] == "RUNNING" and one["mode"] == mode:
                return True
        return False

    def _is_due(self) -> bool:
        """A look without a question, so that a quiet second costs nothing."""
        column, table = _DUE_BY[self.service]
        if not table:
            return False
        now = self.database.now
        for row in self.database.tables[table].values():
            if row[column] is not None and row[column] <= now:
                return True
        return any(self.resayer._came_back.values())

    def _is_swept(self) -> bool:
        """Whether the sweeper would find a row: old, unsaid, and not under way here."""
        if not self.database.tables["outbox"]:
            return False
        old = self.world.moment(self.database.skew_seconds - OLD_SECONDS)
        under_way = self.publisher.in_flight
        for row in self.database.tables["outbox"].values():
            if (
                row["acknowledged_at"] is None
                and row["publish_at"] <= old
                and row["id"] not in under_way
            ):
                return True
        return False


_DUE_BY = {
    "payment": ("next_attempt_at", "payments"),
    "inventory": ("next_attempt_at", "reservations"),
    "shipment": ("", ""),
    "order": ("say_again_at", "orders"),
    "orchestrator": ("say_again_at", "saga_state"),
}
"""When something of a service is due again."""
