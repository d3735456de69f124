"""Talking to Postgres from code that is not asynchronous: one connection, one answer.

Works from a plain thread and from within a running event loop alike.
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

CONNECT_TIMEOUT_SECONDS = 5.0

Answer = TypeVar("Answer")


def run_blocking(coroutine: Coroutine[Any, Any, Answer]) -> Answer:
    """Run to the end; in a thread of its own where this one has a loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def answers(url: str) -> bool:
    """Whether a server answers a query at this URL now."""
    return refusal(url) is None


def refusal(url: str) -> Exception | None:
    """Why no server answers a query at this URL now; None where one does."""
    return run_blocking(_refusal(url))


async def _refusal(url: str) -> Exception | None:
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        return error
    try:
        await connection.fetchval("SELECT 1")
    finally:
        await connection.close()
    return None


def for_database(url: str, database: str, user: str | None = None, password: str = "") -> str:
    """The same server's URL for another database, and, where a user is given, for another login."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    netloc = parts.netloc if user is None else f"{quote(user)}:{quote(password, safe='')}@{place}"
    return urlunsplit((parts.scheme, netloc, f"/{quote(database)}", parts.query, ""))
