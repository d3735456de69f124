import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from brewsaga.stack import (
    KafkaChoice,
    Stack,
    StackConfig,
    StackError,
    ensure_databases,
    ensure_topics,
    is_embedded,
    migrate,
    running,
    supervisor,
)
from brewsaga.stack.database_session import for_database, run_blocking
from brewsaga.stack.jars import pinned
from brewsaga.stack.ports import free_ports
from saga.contract import DATABASES

PATIENCE_SECONDS = 25.0
ROOT = Path(__file__).parents[2]
EMBEDDED = StackConfig(kafka=KafkaChoice.EMBEDDED)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def ask(url: str, query: str) -> object:
    async def asked() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return run_blocking(asked())


def family(stack: Stack) -> list[psutil.Process]:
    pids = [server.identity.pid for server in stack.servers().values()]
    pids.append(stack.guard.identity.pid)
    processes = [psutil.Process(pid) for pid in pids]
    return [*processes, *(child for process in processes for child in process.children(True))]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """In a folder whose name is hard to pass on, and with a locale that knows ASCII alone."""
    config = StackConfig(tmp_path_factory.mktemp("größe \\u0041 €😀"), kafka=KafkaChoice.REAL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", "C")
        with running(config, keep=False) as started:
            yield started


@pytest.fixture(scope="module")
def light() -> Iterator[Stack]:
    with running(EMBEDDED) as started:
        yield started


def test_says_in_two_lines_what_it_runs_on_and_no_password(stack: Stack) -> None:
    kafka, postgres = stack.describe().splitlines()
    assert "Apache Kafka 4.4.0" in kafka
    assert "PostgreSQL" in postgres
    assert (urlsplit(stack.postgres.admin_url).password or "?") not in stack.describe()


def test_what_kafka_keeps_is_in_the_stacks_folder_however_that_is_called(stack: Stack) -> None:
    assert (stack.folder / "kafka" / "broker-1" / "log" / "meta.properties").exists()


def test_topics_are_made_once_and_another_partition_count_is_named(stack: Stack) -> None:
    assert ensure_topics(stack.kafka.bootstrap, ["t-one", "t-two"], partitions=3)
    assert ensure_topics(stack.kafka.bootstrap, ["t-one", "t-two"], partitions=3)
    with pytest.raises(StackError, match=r"t-two has 3 partitions, must be 4"):
        ensure_topics(stack.kafka.bootstrap, ["t-new", "t-two"], partitions=4)


def test_topics_outlive_kill_9_of_kafka_and_not_a_wipe(stack: Stack) -> None:
    ensure_topics(stack.kafka.bootstrap, ["kept"])
    before = stack.kafka.bootstrap
    stack.kafka.kill()
    stack.kafka.start()
    assert stack.kafka.bootstrap == before
    with pytest.raises(StackError, match=r"kept has 3 partitions"):
        ensure_topics(before, ["kept"], partitions=1)
    stack.kafka.wipe()
    stack.kafka.start()
    assert stack.kafka.bootstrap == before
    assert ensure_topics(before, ["kept"], partitions=1)


def test_a_kafka_that_stops_too_slowly_is_killed_and_keeps_what_it_acknowledged(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_topics(stack.kafka.bootstrap, ["acknowledged"], partitions=1)
    client = {"bootstrap.servers": stack.kafka.bootstrap, "log_level": 0}
    producer = Producer(client)
    for number in range(100):
        producer.produce("acknowledged", str(number).encode())
    assert producer.flush(PATIENCE_SECONDS) == 0
    (server,) = stack.kafka.servers().values()
    processes = server.tree()
    os.kill(server.identity.pid, signal.SIGSTOP)
    monkeypatch.setattr("brewsaga.stack.kafka.STOP_PATIENCE_SECONDS", 0.2)
    stack.kafka.stop()
    assert not [process for process in processes if process.is_running()]
    stack.kafka.start()
    consumer = Consumer(client | {"group.id": "looks"})
    try:
        place = TopicPartition("acknowledged", 0)
        assert consumer.get_watermark_offsets(place, timeout=PATIENCE_SECONDS) == (0, 100)
    finally:
        consumer.close()


def test_rows_outlive_kill_9_of_postgres_and_no_backend_does(light: Stack) -> None:
    url = light.postgres.admin_url
    ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    (server,) = light.postgres.servers().values()
    processes = server.tree()
    assert len(processes) > 1
    light.postgres.kill()
    assert not [process for process in processes if process.is_running()]
    light.postgres.start()
    assert ask(light.postgres.admin_url, "SELECT answer FROM kept") == 42
    assert light.postgres.admin_url == url


def test_a_service_reaches_its_own_database_and_no_other(light: Stack) -> None:
    urls = ensure_databases(light.postgres.admin_url, "own_", ("payment", "order"))
    assert urls == ensure_databases(light.postgres.admin_url, "own_", ("payment", "order"))
    assert ask(urls["payment"], "SELECT current_database()") == "own_payment"
    assert ask(urls["payment"], "SHOW lock_timeout") == "10s"
    assert ask(urls["payment"], "SHOW is_superuser") == "off"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(for_database(urls["payment"], "own_order"), "SELECT 1")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(urls["payment"], "CREATE TABLE mine ()")


def test_files_are_applied_once_by_two_at_once_and_a_changed_one_is_named(
    light: Stack, tmp_path: Path
) -> None:
    for folder in ("every", "payment"):
        (tmp_path / folder).mkdir()
    (tmp_path / "every" / "001_a.sql").write_text("CREATE TABLE a (n int);")
    own = tmp_path / "payment" / "001_b.sql"
    own.write_text("ALTER TABLE a ADD m int; GRANT SELECT ON a TO :service_role;")
    admin = light.postgres.admin_url
    urls = ensure_databases(admin, "mig_", ("payment",))
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(migrate, admin, "mig_", tmp_path, ("payment",)) for _ in range(2)]
    applied = [name for attempt in tries for name in attempt.result()]
    assert applied == ["payment: every/001_a.sql", "payment: payment/001_b.sql"]
    assert ask(urls["payment"], "SELECT count(m) FROM a") == 0
    own.write_text("SELECT 1")
    with pytest.raises(StackError, match=r"payment/001_b\.sql was changed"):
        migrate(admin, "mig_", tmp_path, ("payment",))


def test_a_file_that_fails_leaves_nothing_behind(light: Stack, tmp_path: Path) -> None:
    (tmp_path / "order").mkdir()
    (tmp_path / "order" / "001.sql").write_text("CREATE TABLE half (); SELECT 1/0;")
    admin = light.postgres.admin_url
    ensure_databases(admin, "fail_", ("order",))
    with pytest.raises(StackError, match=r"order/001\.sql fails"):
        migrate(admin, "fail_", tmp_path, ("order",))
    nothing = ask(for_database(admin, "fail_order"), "SELECT to_regclass('half') IS NULL")
    assert nothing is True


def test_this_projects_own_schema_applies(light: Stack) -> None:
    ensure_databases(light.postgres.admin_url, "real_", DATABASES)
    assert migrate(light.postgres.admin_url, "real_", ROOT / "db", DATABASES)
    assert migrate(light.postgres.admin_url, "real_", ROOT / "db", DATABASES) == []


def test_the_embedded_kafka_has_topics_before_anyone_uses_them_and_partitions_as_it_likes(
    light: Stack,
) -> None:
    assert is_embedded(light.kafka.bootstrap)
    assert ensure_topics(light.kafka.bootstrap, ["any", "other"]) is False
    known = AdminClient({"bootstrap.servers": light.kafka.bootstrap}).list_topics(timeout=5)
    assert {"any", "other"} <= set(known.topics)
    assert "librdkafka" in light.describe()


def test_two_stacks_live_beside_one_another_and_leave_nothing(light: Stack) -> None:
    with running(EMBEDDED) as second:
        assert second.postgres.admin_url != light.postgres.admin_url
        assert ask(second.postgres.admin_url, "SELECT 1") == 1
        processes, folder = family(second), second.folder
    assert not [process for process in processes if process.is_running()]
    assert not folder.exists()


def test_a_folder_that_is_not_kept_goes_with_its_stack(tmp_path: Path) -> None:
    with running(replace(EMBEDDED, data_dir=tmp_path / "gone"), keep=False) as stack:
        processes = family(stack)
    assert not [process for process in processes if process.is_running()]
    assert not (tmp_path / "gone").exists()


def test_kill_9_of_the_owner_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    program = (
        "import sys; from brewsaga.stack import *\n"
        "with running(StackConfig(kafka=KafkaChoice.EMBEDDED)) as s:\n"
        "    print(s.folder, *(x.identity.pid for x in s.servers().values()), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
    )
    with owner:
        assert owner.stdout is not None
        folder, *pids = owner.stdout.readline().split()
        processes = [psutil.Process(int(pid)) for pid in pids]
        processes += [child for process in processes for child in process.children(recursive=True)]
        assert len(processes) > 2
        owner.kill()
    until(lambda: not any(process.is_running() for process in processes))
    until(lambda: not Path(folder).exists())


def test_kill_9_of_the_owner_in_the_middle_of_a_start_leaves_no_folder(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from brewsaga.stack.processes import Guard\n"
        "guard, folder = Guard(), Path(sys.argv[1])\n"
        "guard.remove_at_end(folder)\n"
        'restless = \'while :; do mkdir -p "$0/in"; echo >"$0/in/file"; done\'\n'
        "guard.run(['/bin/sh', '-c', restless, str(folder)], Path('/dev/null'), 60.0)\n"
    )
    folder = tmp_path / "stack"
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
    )
    with owner:
        until((folder / "in" / "file").exists)
        (tool,) = [p for p in psutil.Process(owner.pid).children() if p.name() == "sh"]
        owner.kill()
    until(lambda: not tool.is_running())
    until(lambda: not folder.exists())


def test_up_in_the_background_restarts_what_died_and_down_ends_all(tmp_path: Path) -> None:
    config = StackConfig(data_dir=tmp_path / "data", kafka=KafkaChoice.EMBEDDED)
    first = supervisor.up(config)
    try:
        assert supervisor.up(config).supervisor == first.supervisor
        os.kill(first.servers["postgres"].pid, signal.SIGKILL)
        until(lambda: "postgres" not in first.alive())
        again = supervisor.up(config)
        assert again.supervisor == first.supervisor
        assert again.complete()
        assert ask(again.postgres_admin_url, "SELECT 1") == 1
        assert (tmp_path / "data" / "stack.json").stat().st_mode & 0o077 == 0
    finally:
        assert supervisor.down(tmp_path / "data")
    assert not again.alive()
    assert supervisor.status(tmp_path / "data") is None
    assert not supervisor.down(tmp_path / "data")


def test_kill_9_of_the_supervisor_leaves_nothing_and_up_starts_anew(tmp_path: Path) -> None:
    config = StackConfig(data_dir=tmp_path / "data", kafka=KafkaChoice.EMBEDDED)
    first = supervisor.up(config)
    os.kill(first.supervisor.pid, signal.SIGKILL)
    until(lambda: not first.alive())
    second = supervisor.up(config)
    assert second.postgres_admin_url == first.postgres_admin_url
    assert supervisor.down(tmp_path / "data")
    assert not second.alive()


def test_a_taken_port_is_named_with_its_holder_and_the_way_out(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    listener = "import socket,sys; s=socket.create_server(('127.0.0.1',int(sys.argv[1])));print(1);"
    listener += "sys.stdout.flush();sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", listener, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        wanted = StackConfig(tmp_path, postgres_port=port, kafka=KafkaChoice.EMBEDDED)
        with pytest.raises(StackError, match=rf"port {port}.*--postgres-port") as refused:
            supervisor.up(wanted)
        assert str(holder.pid) in str(refused.value)
        holder.terminate()
    assert supervisor.status(tmp_path) is None


def test_servers_of_someone_else_are_used_and_left_running(light: Stack, tmp_path: Path) -> None:
    theirs = StackConfig(
        tmp_path,
        external_bootstrap=light.kafka.bootstrap,
        external_postgres_admin_url=light.postgres.admin_url,
    )
    with running(theirs) as stack:
        assert stack.servers() == {}
        assert "not started here" in stack.describe()
        with pytest.raises(StackError, match="not killed from here"):
            stack.postgres.kill()
    assert ask(light.postgres.admin_url, "SELECT 1") == 1


def test_one_folder_has_one_owner(light: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brewsaga.stack.stack.OWNER_PATIENCE_SECONDS", 0.0)
    wanted = StackConfig(light.folder, kafka=KafkaChoice.EMBEDDED)
    with pytest.raises(StackError, match="another stack runs in"), running(wanted):
        pass


def test_without_a_way_to_the_jars_the_embedded_broker_takes_over_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (closed,) = free_ports(1)
    monkeypatch.setenv("BREWSAGA_MAVEN_REPOSITORY", f"http://127.0.0.1:{closed}")
    monkeypatch.setenv("M2_REPO", str(tmp_path / "none"))
    monkeypatch.setenv("BREWSAGA_CACHE", str(tmp_path / "cache"))
    with running() as stack:
        assert "no real one can be had here" in stack.describe()
    refused = pytest.raises(StackError, match="BREWSAGA_KAFKA=real, but cannot fetch")
    with refused, running(StackConfig(kafka=KafkaChoice.REAL)):
        pass


def test_the_pinned_jars_are_one_kafka_with_checksums() -> None:
    jars = pinned()
    assert len({jar.name for jar in jars}) == len(jars) > 40
    assert {len(jar.sha256) for jar in jars} == {hashlib.sha256().digest_size * 2}
    kafka = {jar.coordinate.split(":")[2] for jar in jars if "org.apache.kafka:" in jar.coordinate}
    assert kafka == {"4.4.0"}


def test_the_environment_chooses_and_a_wrong_choice_is_named() -> None:
    config = StackConfig.from_environment(environment={"KAFKA_BOOTSTRAP": "broker:9092"})
    assert config.external_bootstrap == "broker:9092"
    with pytest.raises(StackError, match="BREWSAGA_KAFKA is 'kafka'"):
        StackConfig.from_environment(environment={"BREWSAGA_KAFKA": "kafka"})
    with pytest.raises(StackError, match="brokers is 2"):
        StackConfig(brokers=2)


def test_a_configuration_survives_its_way_to_the_supervisor(tmp_path: Path) -> None:
    config = StackConfig(tmp_path, kafka=KafkaChoice.REAL, brokers=3, kafka_port=1234)
    assert supervisor.decode(supervisor.encode(config)) == config
    secret = StackConfig(tmp_path, external_postgres_admin_url="postgresql://a:secret@b/c")
    assert "secret" not in json.dumps(supervisor.encode(secret))
