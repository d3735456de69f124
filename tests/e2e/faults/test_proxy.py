"""The cutting proxy does what it says: otherwise a bad network is a claim."""

import asyncio
import random
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from e2e.faults.proxy import CUT_SHARE, SYNC, THROTTLED_SECONDS, Proxy, Way

SILENCE_SECONDS = 0.3


class Echo:
    """Says what it hears, and keeps it."""

    def __init__(self) -> None:
        self.heard = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            self.heard += chunk
            writer.write(chunk)
            await writer.drain()
        writer.close()


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest_asyncio.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    chance = random.Random(1)  # noqa: S311 - a seed's own chance
    proxy = Proxy("127.0.0.1", server.sockets[0].getsockname()[1], chance)
    await proxy.listen()
    yield proxy
    await proxy.close()
    server.close()


async def connected(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.near_port)
    writer.write(b"first")
    assert await reader.readexactly(5) == b"first"
    return reader, writer


async def gone(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), 5) == b""
    except ConnectionError:
        return True


async def test_cut_ends_what_is_open_and_lets_nobody_in(proxy: Proxy) -> None:
    reader, writer = await connected(proxy)
    proxy.be(Way.CUT)
    assert await gone(reader)
    assert proxy.cut == 1
    writer.transport.abort()
    again, writer = await asyncio.open_connection("127.0.0.1", proxy.near_port)
    assert await gone(again)
    writer.transport.abort()


async def test_half_open_swallows_and_never_answers(proxy: Proxy, echo: Echo) -> None:
    reader, writer = await connected(proxy)
    proxy.be(Way.HALF_OPEN)
    writer.write(b"lost")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), SILENCE_SECONDS)
    assert echo.heard == b"first"
    assert proxy.swallowed == 1
    proxy.be(Way.PASS)
    assert await gone(reader)
    writer.transport.abort()


async def test_throttled_is_slow_and_whole(proxy: Proxy) -> None:
    reader, writer = await connected(proxy)
    proxy.be(Way.THROTTLED)
    begun = time.monotonic()
    writer.write(b"x" * 5_000)
    assert await reader.readexactly(5_000) == b"x" * 5_000
    assert time.monotonic() - begun >= 9 * THROTTLED_SECONDS
    assert proxy.slowed >= 2
    writer.transport.abort()


async def test_unknown_is_done_and_never_told(proxy: Proxy, echo: Echo) -> None:
    """What ends a statement reaches the other side, and who sent it is cut off."""
    reader, writer = await connected(proxy)
    proxy.be(Way.UNKNOWN)
    sent = 0
    for _ in range(int(20 / CUT_SHARE)):
        sent += 1
        writer.write(b"work" + SYNC)
        try:
            if not await asyncio.wait_for(reader.read(100), 5):
                break
        except ConnectionError:
            break
    assert proxy.cut == 1
    async with asyncio.timeout(5):
        while echo.heard.count(SYNC) < sent:
            await asyncio.sleep(0.01)
    writer.transport.abort()
