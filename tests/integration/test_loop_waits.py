"""What the database refuses for a while means the same batch again, and nothing put aside."""

import asyncio

import asyncpg

from integration.loop_world import (
    DEAD,
    DEADLOCKS,
    OUTBOX,
    SEEN,
    Echo,
    Place,
    counts,
    service,
    until,
)
from sagakit.shell.loop import ATTEMPTS_MAX
from sagakit.shell.run import Parts

LOCKS_TWO = """
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''10ms''', current_database());
END $$;
CREATE TABLE pair AS SELECT generate_series(1, 2) AS id;
CREATE FUNCTION lock_both() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM FROM pair WHERE id = 1 FOR UPDATE;
  LOOP
    PERFORM FROM pair WHERE id = 2 FOR UPDATE SKIP LOCKED;
    EXIT WHEN FOUND OR EXISTS (SELECT FROM pg_locks WHERE NOT granted);
    PERFORM pg_sleep(0.01);
  END LOOP;
  PERFORM FROM pair WHERE id = 2 FOR UPDATE;
  RETURN NULL;
END $$;
CREATE TRIGGER lock_both AFTER INSERT ON seen EXECUTE FUNCTION lock_both();
"""
"""Who writes locks the first, and the second only once the other one waits for the first."""
LOCK = "SELECT id FROM pair WHERE id = $1 FOR UPDATE"
IS_FREE = "SELECT count(*) FROM (SELECT FROM pair WHERE id = 1 FOR UPDATE SKIP LOCKED) free"


TRIES = 2 * ATTEMPTS_MAX
"""So often two messages are tried until one of them is put aside, where no error passes."""


async def test_a_deadlock_means_the_same_batch_again(place: Place) -> None:
    echo, other = Echo(), await asyncpg.connect(place.url)
    await other.execute(LOCKS_TWO)
    await other.execute("SET deadlock_timeout = '1h'")  # it is not the one to give way
    keys = await asyncio.to_thread(place.say, b"hello", b"hello")
    async with service(place, Parts(handlers=[echo]), consumers_per_mode=1) as runtime:
        async with other.transaction():
            await other.fetch(LOCK, 2)
            for _ in range(TRIES):
                await until(counts(runtime, IS_FREE, 0))
                inner = other.transaction()
                await inner.start()
                await other.fetch(LOCK, 1)
                await inner.rollback()
        await until(counts(runtime, SEEN, 2))
        await until(counts(runtime, OUTBOX, 0))
        await until(counts(runtime, DEADLOCKS, TRIES))
        assert await runtime.pool.fetchval(DEAD) == 0
    await other.close()
    assert sorted(echo.handled) == sorted(keys)


IS_FULL = """
CREATE SEQUENCE refused;
CREATE TABLE disk AS SELECT true AS is_full;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT is_full FROM disk) THEN
    PERFORM nextval('refused');
    RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON outbox EXECUTE FUNCTION refuse();
"""


async def test_a_full_disk_is_waited_for_and_puts_nothing_aside(place: Place) -> None:
    echo, admin = Echo(), await asyncpg.connect(place.url)
    await admin.execute(IS_FULL)
    keys = await asyncio.to_thread(place.say, b"hello", b"hello")
    refused = f"SELECT (last_value > {TRIES})::int FROM refused"  # noqa: S608 - own words
    async with service(place, Parts(handlers=[echo]), consumers_per_mode=1) as runtime:
        await until(counts(runtime, refused, 1))
        assert echo.handled == []
        assert await runtime.pool.fetchval(SEEN) == await runtime.pool.fetchval(DEAD) == 0
        await admin.execute("UPDATE disk SET is_full = false")
        await until(counts(runtime, SEEN, 2))
        assert await runtime.pool.fetchval(DEAD) == 0
    await admin.close()
    assert sorted(echo.handled) == sorted(keys)
