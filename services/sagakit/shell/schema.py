"""Whether the database is new enough for this program: is every file of the schema applied?

A service starts before its migrations are done, and then waits; files that it does not know are
those of a newer version, which keeps this one working. Knows names of files, and no table of a
service.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final

import asyncpg

from sagakit.shell.database import Pool, passes
from sagakit.shell.settings import Misconfigured

ASK_AGAIN_SECONDS: Final = 1.0
_APPLIED: Final = "SELECT name FROM schema_migrations"

log = logging.getLogger(__name__)


def known(folder: str) -> frozenset[str]:
    """The files as the migrations' table names them: `every/001_outbox.sql`."""
    names = frozenset(f"{path.parent.name}/{path.name}" for path in Path(folder).glob("*/*.sql"))
    if not names:
        message = (
            f"SCHEMA_FOLDER is {folder!r}: no file */*.sql is in it; unset it to wait for none"
        )
        raise Misconfigured(message)
    return names


async def missing(pool: Pool, names: frozenset[str]) -> frozenset[str]:
    """Which of them are not applied; all of them where the table cannot be read yet."""
    try:
        async with pool.acquire() as connection:
            return names - {row["name"] for row in await connection.fetch(_APPLIED)}
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return names
    except Exception as error:
        if not passes(error):
            raise
        return names


async def wait(pool: Pool, folder: str) -> None:
    """Return once the schema is as new as this program."""
    names = known(folder)
    said: frozenset[str] = frozenset()
    while absent := await missing(pool, names):
        if absent != said:
            log.warning("waiting for the schema: %s not applied", ", ".join(sorted(absent)))
            said = absent
        await asyncio.sleep(ASK_AGAIN_SECONDS)
