"""A way to one service's database on which a commit, or the answer to it, can be held up.

So a process can be killed between its row and its command without a word of that in its code: it
waits for Postgres, which has, or has not, committed. Knows Postgres' protocol as far as asyncpg
speaks it (COMMIT ends a transaction, Sync a statement outside of one), and no service.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

QUERY: Final = b"Q"
BEGIN: Final = b"BEGIN"
COMMIT: Final = b"COMMIT;\0"
ROLLBACK: Final = b"ROLLBACK;\0"
SYNC: Final = b"S\0\0\0\4"
CHUNK_BYTES: Final = 1 << 20


@dataclass(slots=True)
class Hold:
    """What is held up: the commit of what speaks of all `needles`.

    `forward` lets Postgres have the commit and keeps its answer back; else it never hears of it.
    """

    needles: frozenset[bytes]
    forward: bool
    reached: asyncio.Event = field(default_factory=asyncio.Event)


class Gate:
    """A proxy on loopback before one database. What is held is never let go: kill who waits."""

    def __init__(self, database_url: str) -> None:
        self._place = urlsplit(database_url)
        self._server: asyncio.Server | None = None
        self._hold: Hold | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        """Listen; the address that stands in for the database's own."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        login = self._place.netloc.rpartition("@")[0]
        plain = self._place._replace(netloc=f"{login}@127.0.0.1:{port}", query="sslmode=disable")
        return plain.geturl()

    async def close(self) -> None:
        """After the service has ended: its connections are gone, and with them all tasks."""
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._tasks)

    def hold(self, *needles: str, forward: bool) -> Hold:
        """Hold up the next commit of what speaks of all of these."""
        self._hold = Hold(frozenset(needle.encode() for needle in needles), forward)
        return self._hold

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        place = self._place
        database, requests = await asyncio.open_connection(place.hostname, place.port or 5432)
        back = asyncio.create_task(_pass_on(database, answers))
        with contextlib.suppress(ConnectionError):
            await self._pass_on_requests(client, requests, back)
        requests.close()
        back.cancel()
        answers.close()

    async def _pass_on_requests(
        self,
        client: asyncio.StreamReader,
        requests: asyncio.StreamWriter,
        back: asyncio.Task[None],
    ) -> None:
        spoken: set[bytes] = set()
        in_transaction = False
        while chunk := await client.read(CHUNK_BYTES):
            if chunk.startswith(QUERY) and BEGIN in chunk:
                in_transaction = True
            hold = self._hold
            spoken |= {one for one in hold.needles if one in chunk} if hold else set()
            ends = chunk.endswith((COMMIT, ROLLBACK) if in_transaction else SYNC)
            if hold is not None and ends and spoken == hold.needles:
                self._hold = None
                back.cancel()
                if hold.forward:
                    await _send(requests, chunk)
                hold.reached.set()
                await client.read()  # until who waits for the answer is dead
                return
            if ends:
                spoken.clear()
                in_transaction = False
            await _send(requests, chunk)


async def _send(sink: asyncio.StreamWriter, chunk: bytes) -> None:
    sink.write(chunk)
    await sink.drain()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await source.read(CHUNK_BYTES):
            await _send(sink, chunk)
    sink.close()
