"""What the migrations' job does in a cluster: files with URLs in, roles, rights and tables out."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from brewsaga.errors import CommandError, Exit
from brewsaga.in_cluster import migrate, urls_in
from brewsaga.stack.database_session import for_database, run_blocking
from saga.contract import DATABASES
from sagakit.shell import schema
from sagakit.shell.database import create_pool
from sagakit.shell.settings import Misconfigured


def ask(url: str, statement: str) -> object:
    async def answer() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return run_blocking(answer())


def files(folder: Path, admin_url: str, prefix: str, user: str = "") -> dict[str, str]:
    """A folder with a URL a service; `user` instead of a role of its own each."""
    folder.mkdir(parents=True)
    urls = {}
    for service in DATABASES:
        name = f"{prefix}{service}"
        urls[service] = for_database(admin_url, name, user or name, f"{user}@pass/word")
        (folder / service).write_text(urls[service] + "\n")
    return urls


def run(folder: Path, admin_url: str, *, create: bool) -> Exit:
    (folder / "admin").write_text(admin_url)
    return migrate(
        str(folder / "admin"),
        str(folder / "services"),
        str(folder / "readers"),
        create=create,
        patience_seconds=20,
    )


def test_roles_databases_and_tables_from_files_and_again(
    admin_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = files(tmp_path / "services", admin_url, "cluster_")
    readers = files(tmp_path / "readers", admin_url, "cluster_", "cluster_audit")
    assert run(tmp_path, admin_url, create=True) is Exit.COMPLETED
    assert "payment: payment/001_payments_and_ledger.sql" in capsys.readouterr().out
    assert run(tmp_path, admin_url, create=True) is Exit.COMPLETED
    assert capsys.readouterr().out == "the databases are up to date\n"

    assert ask(urls["payment"], "SELECT count(*) FROM ledger") == 0
    assert ask(urls["payment"], "SELECT count(*) > 1 FROM schema_migrations") is True
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(urls["payment"], "UPDATE ledger SET amount_cents = 0")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(for_database(urls["payment"], "cluster_order"), "SELECT 1")
    assert ask(readers["payment"], "SELECT count(*) FROM ledger") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(readers["payment"], "DELETE FROM payments")


def test_an_owner_who_is_no_superuser_migrates_what_others_made(
    admin_url: str, tmp_path: Path
) -> None:
    """As with CloudNativePG: roles and databases are there, and the owner may make neither."""
    ask(admin_url, "CREATE ROLE owned_owner LOGIN PASSWORD 'owner'")
    urls = files(tmp_path / "services", admin_url, "owned_")
    files(tmp_path / "readers", admin_url, "owned_", "owned_audit")
    ask(admin_url, "CREATE ROLE owned_audit LOGIN PASSWORD 'x' IN ROLE pg_read_all_data")
    for service in DATABASES:
        ask(admin_url, f"CREATE ROLE owned_{service} LOGIN PASSWORD '@pass/word'")
        ask(admin_url, f"CREATE DATABASE owned_{service} OWNER owned_owner")
    owner = for_database(admin_url, "postgres", "owned_owner", "owner")
    assert run(tmp_path, owner, create=False) is Exit.COMPLETED
    assert ask(urls["order"], "SELECT count(*) FROM orders") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(for_database(urls["order"], "owned_payment"), "SELECT 1")


def test_a_missing_file_and_a_server_that_is_away_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="must hold a file for each service"):
        urls_in(str(tmp_path))
    nowhere = "postgresql://postgres:x@127.0.0.1:1/postgres"
    files(tmp_path / "services", nowhere, "away_")
    (tmp_path / "admin").write_text(nowhere)
    with pytest.raises(CommandError, match="Postgres does not let us in after 0 s"):
        migrate(
            str(tmp_path / "admin"),
            str(tmp_path / "services"),
            "",
            create=True,
            patience_seconds=0,
        )


async def test_a_service_waits_for_its_schema_and_not_for_a_newer_one(
    admin_url: str, tmp_path: Path
) -> None:
    url = for_database(admin_url, "schema_waits")
    await asyncio.to_thread(ask, admin_url, "CREATE DATABASE schema_waits")
    (tmp_path / "every").mkdir()
    (tmp_path / "every" / "001_a.sql").write_text("SELECT 1")
    pool = await create_pool(url)
    try:
        names = schema.known(str(tmp_path))
        assert await schema.missing(pool, names) == {"every/001_a.sql"}
        waiting = asyncio.create_task(schema.wait(pool, str(tmp_path)))
        await pool.execute("CREATE TABLE schema_migrations (name text)")
        await pool.execute("INSERT INTO schema_migrations VALUES ('every/002_newer.sql')")
        assert await schema.missing(pool, names) == {"every/001_a.sql"}
        assert not waiting.done()
        await pool.execute("INSERT INTO schema_migrations VALUES ('every/001_a.sql')")
        await asyncio.wait_for(waiting, 10)
    finally:
        await pool.close()


def test_a_folder_without_a_schema_is_no_schema(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="SCHEMA_FOLDER is"):
        schema.known(str(tmp_path))
