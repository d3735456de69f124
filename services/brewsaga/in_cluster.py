"""What the command line does inside a cluster, where addresses and passwords are files.

A folder has a file a service, named after it, which holds that service's DATABASE_URL. Knows files
and environment, and how to wait for a server that is not there yet; starts no server.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from brewsaga.backing import SCHEMA_FOLDER
from brewsaga.errors import CommandError, Exit
from brewsaga.stack import Login, ensure_logins, migrate_logins
from brewsaga.stack.database_session import for_database, refusal
from brewsaga.stack.topics import ensure_topics
from saga import contract
from sagakit.shell.kafka_access import KafkaAccess, Misconfigured, access_config, read_secret
from sagakit.shell.settings import read

ADMIN_URL_VARIABLE: Final = "POSTGRES_ADMIN_URL_FILE"
ASK_AGAIN_SECONDS: Final = 1.0


def urls_in(folder: str) -> dict[str, str]:
    """DATABASE_URL by service. Raises CommandError where a file is missing."""
    found = {}
    for service in contract.DATABASES:
        path = Path(folder) / service
        try:
            found[service] = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            text = f"{path}: {error.strerror}; {folder} must hold a file for each service"
            raise CommandError(text, f"ls {folder}") from error
    return found


def kafka_access() -> Mapping[str, object]:
    """How to get into the Kafka that the environment names. Raises CommandError."""
    try:
        return access_config(read(KafkaAccess))
    except Misconfigured as error:
        raise CommandError(str(error), "env | grep KAFKA_", Exit.USAGE) from error


def migrate(
    admin_url_file: str, databases: str, readers: str, *, create: bool, patience_seconds: float
) -> Exit:
    """Roles, databases, rights and tables, brought up to date; safe to repeat and to run twice."""
    try:
        admin_url = read_secret(ADMIN_URL_VARIABLE, admin_url_file)
    except Misconfigured as error:
        raise CommandError(str(error), "brewsaga migrate --help", Exit.USAGE) from error
    logins = {service: Login.of(url) for service, url in urls_in(databases).items()}
    reading = [Login.of(url) for url in urls_in(readers).values()] if readers else []
    first = "postgres" if create else next(iter(logins.values())).database
    _wait_for(for_database(admin_url, first), patience_seconds)
    ensure_logins(admin_url, list(logins.values()), reading, create=create)
    applied = migrate_logins(admin_url, logins, SCHEMA_FOLDER)
    print("\n".join(applied) or "the databases are up to date")
    return Exit.COMPLETED


def _wait_for(url: str, patience_seconds: float) -> None:
    """A server that is being started refuses for a while, also for want of the role."""
    deadline = time.monotonic() + patience_seconds
    while (refused := refusal(url)) is not None:
        if time.monotonic() > deadline:
            text = f"Postgres does not let us in after {patience_seconds:.0f} s: {refused}"
            raise CommandError(text, "kubectl get pods, and look at the database's log")
        time.sleep(ASK_AGAIN_SECONDS)


def make_topics(prefix: str, partitions: int, replication: int) -> Exit:
    """Every topic of both modes, on a Kafka that nobody else makes them on."""
    names = contract.all_topics(prefix)
    ensure_topics(kafka_access(), names, partitions, replication or None)
    print("\n".join(names))
    return Exit.COMPLETED
