"""The pool, and the one judgement that the loop needs of a database error: does it pass by itself?

Knows no table.
"""

import asyncio
import logging
from typing import Final

import asyncpg

CONNECT_TIMEOUT_SECONDS: Final = 5.0
COMMAND_TIMEOUT_SECONDS: Final = 30.0
"""No statement of ours takes longer; a server that hangs is treated like one that is away."""
ACQUIRE_TIMEOUT_SECONDS: Final = 10.0
WAIT_MAX_SECONDS: Final = 2.0

_PASSING_CLASSES: Final = frozenset({"08", "28", "3D", "40", "53", "57", "58"})
"""SQLSTATE classes that say something of the server and nothing of the statement: connection,
login, no such database yet, rollback (deadlock, serialization), resources, shutdown or cancel,
system."""
_PASSING_STATES: Final = frozenset({"25006", "55P03"})
"""Read-only transaction (a standby not yet promoted) and lock not available."""

Pool = asyncpg.Pool

log = logging.getLogger(__name__)


def passes(error: BaseException) -> bool:
    """Whether the same work may succeed later unchanged.

    The database is away, or another transaction was in the way.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in _PASSING_CLASSES or state in _PASSING_STATES
    if isinstance(error, asyncpg.exceptions.DataError):
        return False
    # InterfaceError: the driver found the connection closed under it. ValueErrors among them are
    # our own mistakes.
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError) and "another operation" not in str(error)
    return isinstance(error, OSError | asyncio.TimeoutError | asyncpg.InternalClientError)


def is_lost(connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> bool:
    """Whether the server closed it under us.

    The pool then takes it back by itself, and what we hold refuses every question, this one too.
    """
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


async def _keep_session(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Reset nothing.

    No session state is ever used, and the default costs a round trip a release.
    """


SESSION_SETTINGS: Final = {
    "timezone": "UTC",
    # It costs more than it saves for statements of a millisecond.
    "jit": "off",
    # A batch looks up hundreds of rows by their keys. The planner, which thinks of disks, would
    # read a table of tens of thousands whole for that, and a plan kept from when the table was
    # empty would do so for ever after. Nested loops over indexes are right at every size.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


async def create_pool(
    url: str, *, name: str = "sagakit", connections_max: int = 8, wait: bool = True
) -> Pool:
    """Open a pool; with `wait` try until the server lets us in.

    A service may start before its database.
    """
    delay_seconds = 0.1
    while True:
        try:
            return await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=connections_max,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=COMMAND_TIMEOUT_SECONDS,
                max_inactive_connection_lifetime=60.0,
                reset=_keep_session,
                server_settings={"application_name": name} | SESSION_SETTINGS,
            )
        except Exception as error:
            if not (wait and passes(error)):
                raise
            log.warning("database is not there yet (%s); trying again", error)
        await asyncio.sleep(delay_seconds)
        delay_seconds = min(delay_seconds * 2, WAIT_MAX_SECONDS)


async def answers(pool: Pool, timeout_seconds: float = 1.0) -> bool:
    """Whether the database answers a question at this moment."""
    try:
        async with asyncio.timeout(timeout_seconds), pool.acquire() as connection:
            await connection.fetchval("SELECT 1")
    except Exception:  # noqa: BLE001 - any failure is the answer "no"
        return False
    return True
