"""Several writes as one statement on a real Postgres: all of them or nothing."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from brewsaga.stack import ensure_databases, migrate
from sagakit.shell.database import Pool, create_pool
from sagakit.shell.ports import Conflict, Write
from sagakit.shell.writes import write

DB = Path(__file__).parents[2] / "db"
TAKE = "UPDATE shelf SET cups = cups - $2 WHERE name = $1 AND cups >= $2"
NOTE = "INSERT INTO notes SELECT * FROM unnest($1::text[])"
FORGET = "DELETE FROM notes WHERE note = ANY($1::text[])"


@pytest.fixture
async def pool(admin_url: str) -> AsyncIterator[Pool]:
    prefix = f"w{uuid.uuid4().hex[:8]}_"
    urls = ensure_databases(admin_url, prefix, ("shipment",))
    migrate(admin_url, prefix, DB, ("shipment",))
    inside = await asyncpg.connect(f"{admin_url.rpartition('/')[0]}/{prefix}shipment")
    await inside.execute(
        "CREATE TABLE shelf (name text PRIMARY KEY, cups int); INSERT INTO shelf VALUES ('a', 3);"
        "CREATE TABLE notes (note text PRIMARY KEY)"
    )
    await inside.execute(f"GRANT ALL ON shelf, notes TO {prefix}shipment")
    await inside.close()
    pool = await create_pool(urls["shipment"])
    yield pool
    await pool.close()


async def stored(pool: Pool) -> tuple[int, list[str]]:
    cups = await pool.fetchval("SELECT cups FROM shelf")
    return cups, [row[0] for row in await pool.fetch("SELECT note FROM notes ORDER BY 1")]


async def test_every_part_is_written_and_measured(pool: Pool) -> None:
    async with pool.acquire() as connection:
        first = [Write(NOTE, [["x", "y", "z"]], 3), Write(TAKE, ["a", 2], 1)]
        assert await write(connection, first) == [3, 1]
        gone = Write(FORGET, [["x", "y", "-"]], None, "note", "count(*) FILTER (WHERE note > 'x')")
        assert await write(connection, [gone, Write(NOTE, [["u"]], 1)]) == [1, 1]
        assert await write(connection, []) == []
    assert await stored(pool) == (1, ["u", "z"])


async def test_another_number_of_rows_undoes_the_whole(pool: Pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(Conflict, match="part 2 touched 0 rows, 1 were as loaded"):
            await write(connection, [Write(NOTE, [["x"]], 1), Write(TAKE, ["a", 4], 1)])
    assert await stored(pool) == (3, [])


async def test_a_key_that_somebody_else_wrote_first_is_a_conflict(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await write(connection, [Write(NOTE, [["x"]], 1)])
        with pytest.raises(Conflict, match="another process was first"):
            await write(connection, [Write(TAKE, ["a", 1], 1), Write(NOTE, [["x"]], 1)])
    assert await stored(pool) == (3, ["x"])
