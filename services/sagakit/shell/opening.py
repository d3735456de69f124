"""What a service waits for before it can do anything: its database, and the schema in it.

It may wait for as long as a migration takes, so a stop is heard meanwhile. Knows no table.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sagakit.shell import database, schema
from sagakit.shell.database import Pool
from sagakit.shell.settings import KitSettings

T = TypeVar("T")


class StoppedEarly(Exception):  # noqa: N818 - what happened, and no error
    """A stop was asked for before the service had what it waits for."""


async def open_pool(service: str, settings: KitSettings) -> Pool:
    """A pool to a database that answers, and has the schema where one is asked for."""
    pool = await database.create_pool(
        settings.database_url,
        name=service,
        connections_max=settings.database_connections_max,
    )
    if settings.schema_folder is not None:
        await schema.wait(pool, settings.schema_folder)
    return pool


async def unless(stop: asyncio.Event | None, work: Coroutine[Any, Any, T]) -> T:
    """The work's result, or StoppedEarly where `stop` is set before it is done."""
    if stop is None:
        return await work
    working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise StoppedEarly
    finally:
        working.cancel()
        stopped.cancel()
