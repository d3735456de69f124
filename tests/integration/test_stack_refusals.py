"""What a stack says when something is missing: what it is, and what to do next."""

from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from brewsaga.stack import (
    KafkaChoice,
    Stack,
    StackConfig,
    StackError,
    ensure_databases,
    running,
)
from brewsaga.stack.database_session import run_blocking
from brewsaga.visit import visit

EMBEDDED = StackConfig(kafka=KafkaChoice.EMBEDDED)


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    """In its place no folder can be made, not even by root."""
    path = tmp_path / "file"
    path.touch()
    return path


def test_a_folder_for_downloads_that_cannot_be_made(
    a_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREWSAGA_CACHE", str(a_file / "cache"))
    refused = pytest.raises(StackError, match=r"cannot make .*file/cache.* by BREWSAGA_CACHE")
    with refused, running(StackConfig()):
        pass


def test_a_folder_for_downloads_that_java_would_take_for_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREWSAGA_CACHE", str(tmp_path / "a:b"))
    with pytest.raises(StackError, match="name another by BREWSAGA_CACHE"), running(StackConfig()):
        pass


def test_a_data_folder_that_kafka_would_take_for_two(tmp_path: Path) -> None:
    wanted = StackConfig(tmp_path / "a,b", kafka=KafkaChoice.REAL)
    with pytest.raises(StackError, match="a folder without"), running(wanted):
        pass


def test_a_wrong_choice_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREWSAGA_KAFKA", "best")
    with pytest.raises(StackError, match="must be auto, real or embedded"), visit("trial"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_postgres_of_someone_else_that_does_not_let_us_in() -> None:
    with running(EMBEDDED) as stack:
        admin = stack.postgres.admin_url
        wrong = admin.replace(urlsplit(admin).password or "?", "wrong")
        theirs = StackConfig(
            external_bootstrap=stack.kafka.bootstrap, external_postgres_admin_url=wrong
        )
        refused = pytest.raises(StackError, match=r"password authentication failed.*mend the URL")
        with refused, running(theirs):
            pass
        may_not_make_databases(stack)


def may_not_make_databases(stack: Stack) -> None:
    async def make_a_user() -> None:
        connection = await asyncpg.connect(stack.postgres.admin_url)
        await connection.execute("CREATE ROLE weak LOGIN PASSWORD 'weak'")
        await connection.close()

    run_blocking(make_a_user())
    place = stack.postgres.admin_url.rpartition("@")[2]
    with pytest.raises(StackError, match=r"permission denied.*name a user who may"):
        ensure_databases(f"postgresql://weak:weak@{place}", "any_", ("order",))
