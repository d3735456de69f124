"""One service's database in memory: tables, transactions, and a connection that can fail.

A transaction runs as if alone: the guards of production assume no lock between load and write, and
there the scheduler does go elsewhere. What fails is drawn from the world's chance at each await.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import asyncpg

from sim import schema
from sim.plans import Plan, Planner, normal
from sim.specials import SPECIALS
from sim.tasks import DIES, wait

if TYPE_CHECKING:
    from sim.processes import Process
    from sim.world import World

SHAPES = {
    name: schema.read(name)
    for name in ("payment", "inventory", "shipment", "order", "orchestrator")
}
_PLANNERS = {name: Planner(shapes) for name, shapes in SHAPES.items()}
_PLANS: dict[str, dict[str, Plan]] = {name: {} for name in SHAPES}

YIELDS = 0.5
"""How often a question to the database lets others go first. It may fail or kill in any case."""

Change = tuple[str, Any, schema.Row | None, schema.Row | None]
"""Table, key, the row before and after."""


def _plan(service: str, sql: str) -> Plan:
    plans = _PLANS[service]
    found = plans.get(sql)
    if found is None:
        found = SPECIALS.get(normal(sql)) or _PLANNERS[service].plan(sql)
        plans[sql] = found
    return found


class Database:
    """The tables of one service, its clock, and a journal of what is not committed."""

    def __init__(self, world: "World", service: str) -> None:
        self.world = world
        self.service = service
        self.tables: dict[str, dict[Any, schema.Row]] = {name: {} for name in SHAPES[service]}
        self.skew_seconds = 0.0
        self.away = False
        self.random = world.chance.random
        self._asked, self._now = 0.0, world.moment(0.0)
        self._journal: list[Change] = []
        self.in_transaction = False

    @property
    def now(self) -> datetime:
        """By the database's own clock; it is asked again and again at one time."""
        seconds = self.world.time + self.skew_seconds
        if self._asked != seconds:
            self._asked, self._now = seconds, self.world.moment(self.skew_seconds)
        return self._now

    def rows(self, table: str) -> dict[Any, schema.Row]:
        return self.tables[table]

    def put(self, table: str, key: Any, row: schema.Row | None) -> None:
        rows = self.tables[table]
        self._journal.append((table, key, rows.get(key), row))
        if row is None:
            del rows[key]
        else:
            rows[key] = row

    def run(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """One statement: all of it or nothing."""
        before = len(self._journal)
        try:
            found = _plan(self.service, sql)(self, parameters)
        except BaseException:
            self.roll_back(before)
            raise
        if self._journal and not self.in_transaction:
            self.commit()
        return found

    def commit(self) -> None:
        journal, self._journal, self.in_transaction = self._journal, [], False
        if journal:
            self.world.committed(self, journal)

    def roll_back(self, to: int = 0) -> None:
        while len(self._journal) > to:
            table, key, before, _after = self._journal.pop()
            if before is None:
                del self.tables[table][key]
            else:
                self.tables[table][key] = before
        if to == 0:
            self.in_transaction = False


class Connection:
    """What production knows of asyncpg's connection."""

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._world = process.world
        self._database = process.database
        self._random = process.world.chance.random
        self._closed = False

    def is_closed(self) -> bool:
        return self._closed

    def terminate(self) -> None:
        self._closed = True

    async def fetch(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        database = self._database
        if database.in_transaction:
            if self._dies("in a transaction"):
                await wait(DIES)
            return database.run(sql, parameters)
        if self._closed:
            raise asyncpg.InterfaceError("connection is closed")
        if self._random() < YIELDS:
            await wait(self._world.latency())
        writes = sql.startswith("WITH part0")
        if writes and (seconds := self._world.slow_seconds(self._process)):
            await wait(seconds)
        if self._dies("before a statement"):
            await wait(DIES)
        found = database.run(sql, parameters)
        if writes:
            if self._yields():
                await wait(self._world.latency())
            if self._dies("after COMMIT"):
                await wait(DIES)
        return found

    async def fetchval(self, sql: str, *parameters: Any) -> Any:
        found = await self.fetch(sql, *parameters)
        return found[0][0] if found else None

    async def fetchrow(self, sql: str, *parameters: Any) -> tuple[Any, ...] | None:
        found = await self.fetch(sql, *parameters)
        return found[0] if found else None

    async def execute(self, sql: str, *parameters: Any) -> str:
        return f"OK {len(await self.fetch(sql, *parameters))}"

    def transaction(self) -> "Transaction":
        return Transaction(self, self._process)

    def _yields(self) -> bool:
        """Whether others go first."""
        if self._closed:
            raise asyncpg.InterfaceError("connection is closed")
        return self._random() < YIELDS

    def _dies(self, where: str) -> bool:
        """Whether the process is killed here. A connection that is lost here is raised.

        After a COMMIT nobody knows of it.
        """
        if self._closed:
            raise asyncpg.InterfaceError("connection is closed")
        world = self._world
        if world.faulty:
            drawn = self._random()
            if drawn < world.rates.until_deadlock and self._fails(where, drawn):
                self._database.roll_back()
                return True
        if self._database.away and where != "after COMMIT":
            self._lose(where)
        if not self._process.alive:
            self._lose("since its process died")
        return False

    def _fails(self, where: str, drawn: float) -> bool:
        """Whether the process dies here; other failures are raised."""
        world, rates, name = self._world, self._world.rates, self._process.name
        if drawn < rates.crash:
            world.fault("crash in hand", name, where)
            return True
        if drawn < rates.crash + rates.database_error:
            unknown = where == "after COMMIT"
            world.fault("commit unknown" if unknown else "database error", name, where)
            self._lose(where)
        if where == "before a statement":
            world.fault("deadlock", name, where)
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        return False

    def _lose(self, where: str) -> NoReturn:
        self._closed = True
        raise asyncpg.ConnectionDoesNotExistError(f"connection was closed {where}")

    async def begin(self) -> None:
        if self._yields():
            await wait(self._world.latency())
        if self._dies("before BEGIN"):
            await wait(DIES)
        self._database.in_transaction = True

    async def commit(self) -> None:
        if self._dies("before COMMIT"):
            await wait(DIES)
        self._database.commit()
        if self._yields():
            await wait(self._world.latency())
        if self._dies("after COMMIT"):
            await wait(DIES)


class Transaction:
    """BEGIN, and COMMIT or ROLLBACK."""

    def __init__(self, connection: Connection, process: "Process") -> None:
        self._connection = connection
        self._process = process
        self._database = process.database

    async def __aenter__(self) -> None:
        await self._connection.begin()

    async def __aexit__(self, kind: type[BaseException] | None, *_rest: object) -> Literal[False]:
        if not self._process.alive:
            return False
        if kind is not None:
            self._database.roll_back()
        else:
            try:
                await self._connection.commit()
            except asyncpg.PostgresError:
                if self._database.in_transaction:
                    self._database.roll_back()
                raise
        return False


class Lease:
    """`pool.acquire()`: awaited, or entered."""

    def __init__(self, process: "Process") -> None:
        self._process = process

    def __await__(self) -> Any:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Connection:
        if self._process.database.away:
            await wait(self._process.world.latency())
            if self._process.database.away:
                raise ConnectionRefusedError("the database is away")
        return Connection(self._process)

    async def __aexit__(self, *_error: object) -> None:
        return None


class Pool:
    """What production knows of asyncpg's pool."""

    def __init__(self, process: "Process") -> None:
        self._process = process

    def acquire(self, *, timeout: float | None = None) -> Lease:
        return Lease(self._process)

    def release(self, connection: Connection) -> None:
        """Nothing is kept: a connection costs nothing here."""
