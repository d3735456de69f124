"""The version of the flow in a real Postgres: stored, kept, and waited for where it is unknown."""

import logging
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from brewsaga.stack import drop_databases, ensure_databases, migrate
from orchestrator import reads, store
from orchestrator.__main__ import InFlight
from orchestrator.brew import NEWEST
from orchestrator.domain import Policy
from orchestrator.handler import AwaitedCommands, Orchestration
from saga import contract, metrics
from saga.v1 import saga_pb2 as pb
from sagakit.shell.ports import Handled, Message, Record
from worked import work

DB = Path(__file__).parents[2] / "db"
SERVICE = ["orchestrator"]
UNKNOWN = NEWEST + 1
OPEN = (
    "INSERT INTO saga_state (saga_id, customer_id, amount_cents, currency, current_step, status,"
    " last_event) VALUES ($1, 'ada', 300, 'EUR', 'AWAITING_SHIPMENT', 'RUNNING', '')"
)
OF_VERSION = "UPDATE saga_state SET flow_version = $2 WHERE saga_id = $1"


@asynccontextmanager
async def database(admin_url: str, *folders: Path) -> AsyncIterator[asyncpg.Pool]:
    """A database whose schema grew folder by folder; an open saga was there after the first."""
    prefix = f"v{uuid.uuid4().hex[:8]}_"
    url = ensure_databases(admin_url, prefix, SERVICE)["orchestrator"]
    migrate(admin_url, prefix, folders[0], SERVICE)
    pool = await asyncpg.create_pool(url, min_size=1, max_size=2)
    try:
        await pool.execute(OPEN, "old")
        for folder in folders[1:]:
            migrate(admin_url, prefix, folder, SERVICE)
        yield pool
    finally:
        pool.terminate()
        drop_databases(admin_url, prefix, SERVICE)


async def hear(pool: asyncpg.Pool, topic: contract.Topic, message: pb.ShipmentReply) -> Handled:
    handler = Orchestration(Policy(), lambda _ended: None)
    value = message.SerializeToString()
    record = Record(topic.name, 0, 0, message.saga_id.encode(), value)
    async with pool.acquire() as connection, connection.transaction():
        return await work(connection, handler, [Message(record, handler.decode(record))])


async def shipped(pool: asyncpg.Pool, saga_id: str) -> Handled:
    reply = pb.ShipmentReply(saga_id=saga_id, action=pb.SHIPMENT_ACTION_SCHEDULE, ok=True)
    return await hear(pool, contract.SHIPMENT_REPLY, reply)


async def test_what_was_open_before_versions_were_stored_ends_on_the_first(
    admin_url: str, tmp_path: Path
) -> None:
    shutil.copytree(DB / "every", tmp_path / "every")
    (tmp_path / "orchestrator").mkdir()
    shutil.copy(DB / "orchestrator" / "001_saga_state.sql", tmp_path / "orchestrator")
    async with database(admin_url, tmp_path, DB) as pool:
        await shipped(pool, "old")
        row = await pool.fetchrow("SELECT * FROM saga_state")
        assert (row["status"], row["flow_version"]) == ("SUCCESS", 1)
        assert await pool.fetchval("SELECT flow_version FROM saga_history") == 1


async def test_a_saga_of_an_unknown_version_waits_and_is_counted(
    admin_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with database(admin_url, DB) as pool:
        await pool.execute(OPEN, "new")
        await pool.execute(OF_VERSION, "new", UNKNOWN)
        before = await pool.fetchrow("SELECT * FROM saga_state WHERE saga_id = 'new'")
        handled = await shipped(pool, "new")
        assert not handled.writes
        assert not handled.outgoing
        assert not handled.dead
        async with pool.acquire() as connection:
            said = await AwaitedCommands(0.1, 0.1).due(connection, 100)
            assert [one.key for one in said.outgoing] == ["old"]
            source = InFlight()
            with caplog.at_level(logging.ERROR):
                shown = await source.read(connection)
                await source.read(connection)
            assert await reads.without_definition(connection) == {UNKNOWN: 1}
        assert await pool.fetchrow("SELECT * FROM saga_state WHERE saga_id = 'new'") == before
        mode = metrics.ORCHESTRATION
        assert shown[metrics.SAGAS_WITHOUT_DEFINITION] == {(mode,): 1.0}
        assert shown[metrics.SAGAS_IN_FLIGHT][mode, "shipment"] == 1.0
        assert len(caplog.records) == 1
        assert f"1 of version {UNKNOWN}" in caplog.text

        await pool.execute(OF_VERSION, "new", NEWEST)
        await shipped(pool, "new")
        async with pool.acquire() as connection:
            sagas, _ = await store.load(connection, ["new"])
            assert sagas["new"].where.status.value == "SUCCESS"
            assert (await InFlight().read(connection))[metrics.SAGAS_WITHOUT_DEFINITION] == {
                (mode,): 0.0
            }
