"""Health and metrics on a port of their own.

Served by the loop itself: a loop that is stuck does not answer.

A few lines of HTTP/1.1 instead of a framework: three fixed addresses, GET alone, no body is ever
read.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

REQUEST_TIMEOUT_SECONDS: Final = 5.0
REQUEST_BYTES_MAX: Final = 16 * 1024

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[dict[str, bool]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: str
    content_type: str
    body: bytes


@dataclass(slots=True)
class HealthServer:
    """`/livez`: restart me when this fails.

    `/readyz`: send me requests. `/startupz`: all of it is up. `/metrics`.
    """

    registry: CollectorRegistry
    live: Check
    ready: Check
    started: Check
    port: int = 0

    async def start(self, host: str, port: int) -> asyncio.Server:
        """Listen; 0 is any free port, told by `port` afterwards."""
        server = await asyncio.start_server(self._serve, host, port, limit=REQUEST_BYTES_MAX)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                answer = await self._answer(head)
                writer.write(
                    f"HTTP/1.1 {answer.status}\r\nContent-Type: {answer.content_type}\r\n"
                    f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n".encode()
                    + answer.body
                )
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            log.debug("a health request was not finished")
        finally:
            writer.close()

    async def _answer(self, head: str) -> Answer:
        method, _, rest = head.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        checks = {"/livez": self.live, "/readyz": self.ready, "/startupz": self.started}
        if method != "GET":
            return Answer("405 Method Not Allowed", "text/plain", b"only GET\n")
        if path == "/metrics":
            return self._metrics(head)
        if path not in checks:
            known = f"there are {', '.join([*checks, '/metrics'])}\n"
            return Answer("404 Not Found", "text/plain", known.encode())
        found = await checks[path]()
        status = "200 OK" if all(found.values()) else "503 Service Unavailable"
        return Answer(status, "application/json", json.dumps(found).encode() + b"\n")

    def _metrics(self, head: str) -> Answer:
        accept = ""
        for line in head.split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "accept":
                accept = value.strip()
        encode, content_type = choose_encoder(accept)
        return Answer("200 OK", content_type, encode(self.registry))
