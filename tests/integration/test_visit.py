from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from brewsaga.services_runner import Backing
from brewsaga.stack import KafkaChoice, Stack, StackConfig, running
from brewsaga.stack.database_session import run_blocking
from brewsaga.visit import visit
from saga import contract
from saga.contract import Mode

PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def theirs() -> Iterator[Stack]:
    """Servers of someone else, as a visit sees them."""
    with running(StackConfig(kafka=KafkaChoice.REAL)) as stack:
        yield stack


@pytest.fixture
def named(theirs: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stack:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", theirs.kafka.bootstrap)
    monkeypatch.setenv("BREWSAGA_POSTGRES_ADMIN_URL", theirs.postgres.admin_url)
    monkeypatch.chdir(tmp_path)
    return theirs


def found(stack: Stack) -> dict[str, set[str]]:
    """All that people can see on these servers."""

    async def names(query: str) -> set[str]:
        connection = await asyncpg.connect(stack.postgres.admin_url)
        try:
            return {row[0] for row in await connection.fetch(query)}
        finally:
            await connection.close()

    admin = AdminClient({"bootstrap.servers": stack.kafka.bootstrap})
    groups = admin.list_consumer_groups().result(PATIENCE_SECONDS).valid
    topics = admin.list_topics(timeout=PATIENCE_SECONDS).topics
    return {
        "topics": {name for name in topics if not name.startswith("__")},
        "groups": {group.group_id for group in groups},
        "databases": run_blocking(names("SELECT datname FROM pg_database")),
        "roles": run_blocking(names("SELECT rolname FROM pg_roles")),
    }


def leave_a_group(backing: Backing, prefix: str) -> None:
    """What a service leaves on Kafka: a group with an offset."""
    group = contract.consumer_group(prefix, "payment", Mode.CHOREO)
    consumer = Consumer({"bootstrap.servers": backing.bootstrap, "group.id": group})
    topic = contract.all_topics(prefix)[0]
    consumer.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
    consumer.close()


def test_a_visit_leaves_the_servers_of_someone_else_as_it_found_them(
    named: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = found(named)
    with visit("trial") as here:
        assert set(contract.all_topics(here.topic_prefix)) <= found(named)["topics"]
        assert len(found(named)["databases"] - before["databases"]) == len(contract.DATABASES)
        leave_a_group(here.backing, here.topic_prefix)
        assert found(named)["groups"] - before["groups"]
    assert found(named) == before
    assert not list((tmp_path / ".brewsaga").iterdir())
    said = capsys.readouterr()
    assert said.out.count("not started here") == 2
    assert here.topic_prefix in said.err


def test_a_visit_that_fails_leaves_nothing_either(named: Stack) -> None:
    before = found(named)
    with pytest.raises(RuntimeError, match="its own error"), visit("trial"):
        raise RuntimeError("its own error")
    assert found(named) == before


def test_two_visits_share_no_name(named: Stack) -> None:
    with visit("trial") as one, visit("trial") as other:
        assert not set(one.backing.database_urls.values()) & set(
            other.backing.database_urls.values()
        )
        assert one.topic_prefix != other.topic_prefix


def test_what_is_kept_is_named(named: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    before = found(named)
    with visit("trial", keep=True) as here:
        pass
    kept = found(named)
    assert len(kept["databases"] - before["databases"]) == len(contract.DATABASES)
    said = capsys.readouterr().err
    assert str(here.folder) in said
    assert f"topics {here.topic_prefix}*" in said
