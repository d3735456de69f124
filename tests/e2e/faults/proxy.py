"""A cutting proxy on loopback: it passes bytes on, until it is told to be a bad network.

It stands before a database or an API. Of Postgres' protocol it knows only what ends a statement or
a transaction, and of nobody what he means.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

CHUNK_BYTES: Final = 1 << 16
SYNC: Final = b"S\0\0\0\4"
COMMIT: Final = b"COMMIT;\0"
CUT_SHARE: Final = 0.05
"""Of what ends a statement or transaction, this share never learns whether it was done."""

THROTTLED_BYTES: Final = 512
THROTTLED_SECONDS: Final = 0.01
"""So much is passed on, and then so long nothing."""


class Way(Enum):
    """How the network behaves."""

    PASS = "passes"
    CUT = "is cut"
    HALF_OPEN = "is half open: what is sent is taken and vanishes"
    THROTTLED = "is throttled"
    UNKNOWN = "is cut now and then, after a COMMIT was sent and before it is answered"


@dataclass(slots=True)
class Proxy:
    """A way to one address. What it did is counted, for whoever must know that it did something."""

    host: str
    port: int
    chance: random.Random
    way: Way = Way.PASS
    cut: int = 0
    swallowed: int = 0
    slowed: int = 0
    near_port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def listen(self, port: int = 0) -> int:
        """The port that stands in for the address; 0: any free one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.near_port = int(self._server.sockets[0].getsockname()[1])
        return self.near_port

    async def close(self) -> None:
        """Cut all and listen no more."""
        if self._server is not None:
            self._server.close()
        self._cut_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def be(self, way: Way) -> None:
        """From now on. What was half open is never whole again: it is cut when that ends."""
        was, self.way = self.way, way
        if way is Way.CUT or was is Way.HALF_OPEN:
            self._cut_all()

    def _cut_all(self) -> None:
        self.cut += len(self._open) // 2
        for end in list(self._open):
            end.transport.abort()

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self.way is Way.CUT:
            back.transport.abort()
            return
        try:
            far, there = await asyncio.open_connection(self.host, self.port)
        except OSError:
            back.transport.abort()
            return
        ends = {back, there}
        self._open |= ends
        try:
            await asyncio.gather(self._pump(near, there, asker=back), self._pump(far, back))
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        asker: asyncio.StreamWriter | None = None,
    ) -> None:
        """Pass on until the end. `asker` is who sends, where it may be cut off from the answer."""
        with contextlib.suppress(OSError):
            while chunk := await source.read(CHUNK_BYTES):
                if self.way is Way.HALF_OPEN:
                    self.swallowed += 1
                    continue
                if asker is not None and self._stays_unknown(chunk):
                    self.cut += 1
                    asker.transport.abort()
                if self.way is Way.THROTTLED:
                    await self._pass_slowly(sink, chunk)
                else:
                    sink.write(chunk)
                    await sink.drain()
            if self.way is not Way.HALF_OPEN:
                sink.close()

    def _stays_unknown(self, chunk: bytes) -> bool:
        """Whether this is done by the other side without whoever asked for it ever knowing."""
        is_an_end = chunk.endswith((SYNC, COMMIT))
        return self.way is Way.UNKNOWN and is_an_end and self.chance.random() < CUT_SHARE

    async def _pass_slowly(self, sink: asyncio.StreamWriter, chunk: bytes) -> None:
        self.slowed += 1
        for begin in range(0, len(chunk), THROTTLED_BYTES):
            sink.write(chunk[begin : begin + THROTTLED_BYTES])
            await sink.drain()
            await asyncio.sleep(THROTTLED_SECONDS)


async def before_database(url: str, chance: random.Random) -> tuple[Proxy, str]:
    """A proxy before a database, and the address that stands in for the database's own."""
    place = urlsplit(url)
    proxy = Proxy(place.hostname or "127.0.0.1", place.port or 5432, chance)
    port = await proxy.listen()
    login = place.netloc.rpartition("@")[0]
    plain = place._replace(netloc=f"{login}@127.0.0.1:{port}", query="sslmode=disable")
    return proxy, plain.geturl()
