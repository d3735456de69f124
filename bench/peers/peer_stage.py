"""A peer's engine on the stage: its servers, its worker, and the side ledger as participants.

What a case kills is killed in the very call that asks for it, so that nothing can happen in
between; what was killed is started again at once.
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from brewsaga.stack import Stack, drop_databases, ensure_databases
from peers.engines import Peer
from peers.environments import python_environment
from peers.ledger import Fault, Kind, Ledger
from peers.starting import Room, Running
from peers.steps import Action, Claim
from peers.worker import GoneError, VerbError, Worker

BENCH: Final = Path(__file__).resolve().parents[1]
START_SECONDS: Final = 40.0
START_AGAIN_SECONDS: Final = 0.3
PASSED_ON: Final = ("PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH", "TMPDIR")


def worker_of(peer: Peer, room: Room, running: Running, ledger_url: str) -> Worker:
    """The adapter's process, with its whole environment; not started."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    given = {
        **kept,
        "PYTHONPATH": str(BENCH),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PEERS_LEDGER_URL": ledger_url,
        **running.environment,
    }
    command = [str(room.python), "-m", peer.module]
    return Worker(command, given, room.folder / f"{peer.name}.log")


@dataclass(slots=True)
class PeerStage:
    """The stage of one peer."""

    peer: Peer
    running: Running
    ledger: Ledger
    worker: Worker
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _up: asyncio.Event = field(default_factory=asyncio.Event)

    async def arm(self, saga: str, faults: Sequence[Fault]) -> None:
        late = self.peer.late_seconds
        self.ledger.arm(
            saga, [replace(one, seconds=late) if one.kind is Kind.LATE else one for one in faults]
        )

    async def start(self, saga: str) -> None:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while True:
            await self._up.wait()
            try:
                await self.worker.ask("start", saga=saga)
            except GoneError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            else:
                return
            await asyncio.sleep(START_AGAIN_SECONDS)

    async def cancel(self, saga: str) -> None:
        await self.worker.ask("cancel", saga=saga)

    async def lift(self, saga: str) -> None:
        self.ledger.mend(saga)

    async def mend(self, saga: str) -> None:
        await self.worker.ask("mend", saga=saga)

    async def repeat(self, saga: str) -> None:
        await self.worker.ask("repeat", saga=saga)

    async def undo_first(self, saga: str) -> None:
        await self.worker.ask("undo_first", saga=saga)

    async def effects(self, saga: str) -> list[Action]:
        return self.ledger.effects(saga)

    async def calls(self, saga: str) -> list[Action]:
        return self.ledger.calls(saga)

    async def happened(self, saga: str) -> set[Kind]:
        return self.ledger.happened(saga)

    async def claim(self, saga: str) -> Claim:
        return Claim(await asyncio.wait_for(self.worker.ask("claim", saga=saga), 5.0))

    async def renew(self) -> None:
        await self.worker.kill()
        await self._start_all()

    # ------------------------------------------------------------ what a case does to it

    def happen(self, kind: Kind, saga: str, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread of a call: kill now, and have the rest done on the loop."""
        loop.call_soon_threadsafe(self._up.clear)
        if kind in (Kind.KILL_BEFORE, Kind.KILL_AFTER, Kind.KILL_ALL_AFTER):
            self.worker.strike()
        if kind in (Kind.STORE_AFTER, Kind.KILL_ALL_AFTER):
            for server in reversed(self.running.servers):
                server.kill()
        loop.call_soon_threadsafe(self._follow, kind, saga)

    def _follow(self, kind: Kind, saga: str) -> None:
        task = asyncio.create_task(self._go_on(kind, saga))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _go_on(self, kind: Kind, saga: str) -> None:
        if kind is Kind.CANCEL:
            self._up.set()
            with contextlib.suppress(VerbError):  # an engine may refuse: the ledger shows the rest
                await self.cancel(saga)
        elif kind is Kind.STORE_AFTER:
            await self._start_servers()
            self._up.set()
        else:
            await (self.worker.stop() if kind is Kind.STOP_AFTER else self.worker.kill())
            await self._start_all()

    async def _start_servers(self) -> None:
        for server in self.running.servers:
            await asyncio.to_thread(server.start)

    async def _start_all(self) -> None:
        await self._start_servers()
        await self.worker.start()
        self._up.set()


@asynccontextmanager
async def peer_stage(peer: Peer, room: Room, *, fence: bool = False) -> AsyncIterator[PeerStage]:
    """The peer's servers and worker for the length of a block, killed at its end."""
    loop = asyncio.get_running_loop()
    running = peer.prepare(room)
    held: list[PeerStage] = []
    ledger = Ledger(
        room.folder / "ledger.sqlite",
        lambda kind, saga: held[0].happen(kind, saga, loop),
        fence=fence,
    )
    stage = PeerStage(peer, running, ledger, worker_of(peer, room, running, ledger.url))
    held.append(stage)
    try:
        await stage.renew()
        yield stage
    finally:
        await stage.worker.kill()
        for server in reversed(running.servers):
            server.end()
        ledger.close()


@asynccontextmanager
async def room_for(peer: Peer, stack: Stack, folder: Path) -> AsyncIterator[Room]:
    """The peer's own interpreter, folder and, for the length of a block, database. Raises
    NotHereError.
    """
    python = await asyncio.to_thread(python_environment, peer.name, peer.oldest_python)
    mine = folder / f"{peer.name}-{secrets.token_hex(3)}"
    mine.mkdir(parents=True)
    admin, prefix = stack.postgres.admin_url, f"peers_{secrets.token_hex(3)}_"
    urls = await asyncio.to_thread(ensure_databases, admin, prefix, [peer.name])
    try:
        await _give_away(urls[peer.name], admin)
        yield Room(stack, urls[peer.name], mine, python)
    finally:
        await asyncio.to_thread(drop_databases, admin, prefix, [peer.name])


async def _give_away(url: str, admin_url: str) -> None:
    """Engines make their own schemas, so the database is theirs."""
    name = urlsplit(url).path.removeprefix("/")
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f'ALTER DATABASE "{name}" OWNER TO "{name}"')
    finally:
        await connection.close()
