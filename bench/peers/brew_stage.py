"""BrewSaga on the stage: five services on real Kafka and Postgres, with their ordinary settings.

Its participants are its own, so what was done is read from what they moved: the ledger, the moves
of stock, the couriers' assignments, tables to which services can only add. "The worker" that a case
kills is all five services. It must not ask a service how its saga stands, but for its claim.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from brewsaga.audit.topics import read_topics
from brewsaga.stack import Stack
from e2e.records import BY_KEY, message
from e2e.world import World, world
from peers.brew_faults import AWAY_SECONDS, SERVICE, Armament, armaments_of, before, text_of
from peers.ledger import Fault, Kind
from peers.steps import DO, FORWARD, Action, Claim
from saga import contract
from saga.contract import DATABASES, Mode
from saga.v1 import saga_pb2
from sagakit.core.repair import Verb

MOVES: Final = {
    "payment": "SELECT DISTINCT kind, created_at FROM ledger WHERE saga_id = $1",
    "inventory": "SELECT DISTINCT kind, created_at FROM stock_moves WHERE saga_id = $1",
    "shipment": "SELECT 'ship' AS kind, created_at FROM assignments WHERE saga_id = $1",
}
UNDOING: Final = {Mode.CHOREO: contract.INVENTORY_FAILED, Mode.ORCH: contract.PAYMENT_COMMAND}
"""What has payment refund."""

POLL_SECONDS: Final = 0.05
ASK_SECONDS: Final = 40.0
FAULT_SECONDS: Final = 60.0
IN_HAND_SECONDS: Final = 0.5
"""How long a message lies before a participant that takes in nothing."""


@dataclass(slots=True)
class BrewStage:
    """One mode of BrewSaga."""

    here: World
    mode: Mode
    token: str
    _faults: dict[str, tuple[Fault, ...]] = field(default_factory=dict)
    _armed: list[Armament] = field(default_factory=list)
    _happened: dict[str, set[Kind]] = field(default_factory=dict)
    _restarted: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    # ------------------------------------------------------------ before the saga begins

    async def arm(self, saga: str, faults: Sequence[Fault]) -> None:
        for task in self._tasks:
            task.cancel()  # of the case before: what it waited for may never have come
        self._faults[saga], self._restarted = tuple(faults), False
        self._happened[saga] = set()
        self._armed = armaments_of(faults)
        for service in {armament.service for armament in self._armed}:
            self.here.kill([service])
            await self._start(service, saga)
        if self._armed:
            self._follow(self._watch_deaths(saga))
        for fault in faults:
            await self._prepare(fault, saga)

    async def _prepare(self, fault: Fault, saga: str) -> None:
        """What is no crash point and no word of the order's own: a switch, or a watcher."""
        match fault.kind:
            case Kind.FAIL if fault.at in DO:
                await self._switch(fault.at, "FailRate", undo=True)
                self._follow(self._end_failing(fault, saga))
            case Kind.FAIL:
                self.here.kill([SERVICE[fault.at]])
                self._follow(self._come_back(fault, saga))
            case Kind.LATE if fault.at not in DO:
                await self._switch(fault.at, "Pause", fault.seconds)
                self._happened[saga].add(Kind.LATE)
            case Kind.LATE:
                self._happened[saga].add(Kind.LATE)
            case Kind.CANCEL:
                await self._switch(fault.at, "Pause")
                self._follow(self._cancel_in_hand(fault, saga))
            case Kind.STORE_AFTER | Kind.STOP_AFTER:
                self._follow(self._strike_after(fault, saga))
            case _:
                pass

    async def start(self, saga: str) -> None:
        body = {
            "mode": self.mode.value,
            "customer_id": "peers",
            "saga_id": saga,
            "faults": text_of(self._faults.get(saga, ())),
        }
        await self._insist("order", "POST", "/sagas", body)

    async def cancel(self, saga: str) -> None:
        await self._insist("order", "POST", f"/sagas/{saga}/cancel")

    async def lift(self, saga: str) -> None:
        for fault in self._faults[saga]:
            if fault.kind is Kind.FAIL:
                await self._insist(SERVICE[fault.at], "DELETE", f"/faults/{fault.at}")

    async def mend(self, saga: str) -> None:
        """`brewsaga retry`: what was parked is tried again."""
        body = {
            "verb": Verb.RETRY.value,
            "ids": [saga],
            "who": "peers",
            "why": "the participant is well again",
        }
        for service in ("orchestrator", "payment", "inventory"):
            await self._insist(service, "POST", "/repairs", body)

    async def repeat(self, saga: str) -> None:
        """All that was ever said of the saga, onto its topics a second time."""
        said = await asyncio.to_thread(read_topics, self.here.bootstrap, self.here.prefix)
        again = [(one.topic.name, BY_KEY, saga.encode(), one.value) for one in said]
        mine = [record for record, one in zip(again, said, strict=True) if one.saga_id == saga]
        await asyncio.to_thread(self.here.produce, mine)

    async def undo_first(self, saga: str) -> None:
        """And nothing further before payment has taken it in."""
        topic = UNDOING[self.mode]
        refund = message(topic, saga_id=saga, reason="early", action=saga_pb2.PAYMENT_ACTION_REFUND)
        record = (topic.name, BY_KEY, saga.encode(), refund)
        await asyncio.to_thread(self.here.produce, [record])
        query = "SELECT FROM payments WHERE saga_id = $1"
        while not await self.here.rows("payment", query, saga):
            await asyncio.sleep(POLL_SECONDS)

    # ------------------------------------------------------------ what came of it

    async def effects(self, saga: str) -> list[Action]:
        """In the order of the database's clock, of which there is one."""
        moved = []
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            for service, query in MOVES.items():
                rows = await self.here.rows(service, query, saga)
                moved += [(row["created_at"], Action(row["kind"])) for row in rows]
        return [action for _, action in sorted(moved)]

    async def calls(self, saga: str) -> list[Action]:
        """Nobody counts them; what follows on what was done is being asked for."""
        done = await self.effects(saga)
        return [action for action in FORWARD if before(action) <= set(done)]

    async def happened(self, saga: str) -> set[Kind]:
        for fault in self._faults[saga]:
            if fault.kind is Kind.FAIL and fault.at in DO and await self._attempts(fault, saga):
                self._happened[saga].add(Kind.FAIL)
        return self._happened[saga]

    async def claim(self, saga: str) -> Claim:
        query = "SELECT status FROM orders WHERE saga_id = $1"
        try:
            rows = await self.here.rows("order", query, saga)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise OSError(str(error)) from error
        match rows[0]["status"] if rows else "":
            case "SUCCESS":
                return Claim.COMPLETED
            case "FAILED":
                return Claim.UNDONE
            case _:
                return Claim.OPEN

    async def renew(self) -> None:
        self.here.kill(list(self.here.children))
        self._armed.clear()
        await self._start_all("")

    # ------------------------------------------------------------ what a case does to it

    async def _watch_deaths(self, saga: str) -> None:
        while self._armed:
            await asyncio.sleep(POLL_SECONDS)
            for armament in list(self._armed):
                child = self.here.children.get(armament.service)
                if child is not None and child.ended() is not None:
                    self._armed.remove(armament)
                    await self._after_death(armament, saga)

    async def _after_death(self, armament: Armament, saga: str) -> None:
        """The others die with it, unless an answer alone was to be lost."""
        dead = [armament.service] if armament.kind is Kind.LOSE else list(self.here.children)
        self.here.kill(dead)
        self._happened[saga].add(armament.kind)
        self._restarted = True
        if armament.kind is Kind.KILL_ALL_AFTER:
            await self._restart_stores()
        await self._start_all(saga)

    async def _strike_after(self, fault: Fault, saga: str) -> None:
        """Its answer is held back meanwhile."""
        while fault.at not in await self.effects(saga):
            await asyncio.sleep(POLL_SECONDS)
        self._happened[saga].add(fault.kind)
        if fault.kind is Kind.STORE_AFTER:
            await self._restart_stores()
        else:
            await self.here.stop(list(self.here.children))
            await self._start_all(saga)

    async def _end_failing(self, fault: Fault, saga: str) -> None:
        while await self._attempts(fault, saga) < fault.times:
            await asyncio.sleep(POLL_SECONDS)
        self._happened[saga].add(Kind.FAIL)
        await self._insist(SERVICE[fault.at], "DELETE", f"/faults/{fault.at}")

    async def _attempts(self, fault: Fault, saga: str) -> int:
        """How often an undo failed."""
        service = SERVICE[fault.at]
        table = "payments" if service == "payment" else "reservations"
        query = f"SELECT attempts FROM {table} WHERE saga_id = $1"  # noqa: S608 - own words
        rows = await self.here.rows(service, query, saga)
        return int(rows[0]["attempts"]) if rows else 0

    async def _come_back(self, fault: Fault, saga: str) -> None:
        while not before(fault.at) <= set(await self.effects(saga)):
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.sleep(AWAY_SECONDS * fault.times)
        if fault.at not in await self.effects(saga):
            self._happened[saga].add(Kind.FAIL)
        await self.here.start([SERVICE[fault.at]])

    async def _cancel_in_hand(self, fault: Fault, saga: str) -> None:
        while not before(fault.at) <= set(await self.effects(saga)) or not await self._known(saga):
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.sleep(IN_HAND_SECONDS)
        await self.cancel(saga)
        if fault.at not in await self.effects(saga):
            self._happened[saga].add(Kind.CANCEL)
        await asyncio.sleep(fault.seconds)
        await self._insist(SERVICE[fault.at], "DELETE", f"/faults/{fault.at}")

    async def _known(self, saga: str) -> bool:
        return bool(await self.here.rows("order", "SELECT FROM orders WHERE saga_id = $1", saga))

    async def _restart_stores(self) -> None:
        await asyncio.to_thread(self.here.stack.postgres.kill)
        await asyncio.to_thread(self.here.stack.kafka.kill)
        await asyncio.to_thread(self.here.stack.start)

    async def _start_all(self, saga: str) -> None:
        missing = [service for service in DATABASES if service not in self.here.children]
        await asyncio.gather(*(self._start(service, saga) for service in missing))

    async def _start(self, service: str, saga: str) -> None:
        """With the next of its deaths, where it has one."""
        mine = [armament for armament in self._armed if armament.service == service]
        more = {"CRASH_AT": mine[0].at(self.mode, saga, first=self._restarted)} if mine else {}
        await self.here.start([service], **more)

    async def _switch(
        self, at: Action, kind: str, seconds: float = FAULT_SECONDS, *, undo: bool = False
    ) -> None:
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        body = {"kind": kind, "expires_at": expires.isoformat(), "undo": undo}
        await self._insist(SERVICE[at], "PUT", f"/faults/{at}", body)

    async def _insist(self, service: str, verb: str, path: str, body: Any = None) -> None:
        """Ask until there is an answer; a refusal of what came too late is one."""
        deadline = asyncio.get_running_loop().time() + ASK_SECONDS
        url = self.here.places[service].url + path
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(timeout=5, trust_env=False, headers=headers) as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.request(verb, url, json=body)
                    if answer.is_success or answer.status_code in (404, 409):
                        return
                    assert answer.is_server_error, answer.text
                assert asyncio.get_running_loop().time() < deadline, f"{verb} {path} of {service}"
                await asyncio.sleep(POLL_SECONDS)

    def _follow(self, going_on: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(going_on)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@asynccontextmanager
async def brew_stage(stack: Stack, folder: Path, mode: Mode) -> AsyncIterator[BrewStage]:
    """All services for the length of a block."""
    token = secrets.token_urlsafe(24)
    file = await asyncio.to_thread(_write_token, folder, token)
    given = {"CHAOS_ENABLED": "true", "API_TOKEN_FILE": str(file)}
    async with world(stack, folder / "logs", **given) as here:
        yield BrewStage(here, mode, token)


def _write_token(folder: Path, token: str) -> Path:
    """Faults are switched on only by who has the token."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "token"
    file.write_text(token)
    file.chmod(0o600)
    return file
