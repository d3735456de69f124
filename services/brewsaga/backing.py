"""Which Kafka and which databases the commands work on: those of the environment, else those of
`make up`.

Also makes them ready: databases, schema, topics. Knows the contract's names and no service.
"""

import os
from pathlib import Path
from typing import Final

from brewsaga.errors import CommandError
from brewsaga.services_runner import SERVICES_FOLDER, Backing
from brewsaga.stack import ensure_databases, ensure_topics, is_embedded, migrate
from brewsaga.stack.config import DEFAULT_DATA_FOLDER
from brewsaga.stack.state import read_state
from saga import contract

DATABASE_PREFIX: Final = "brewsaga_"
SCHEMA_FOLDER: Final = SERVICES_FOLDER.parent / "db"
ORDER_PORT: Final = 8081
ORCHESTRATOR_PORT: Final = 8082
PREFERRED_PORTS: Final = {"order": ORDER_PORT, "orchestrator": ORCHESTRATOR_PORT}


def topic_prefix() -> str:
    """What stands before each topic here."""
    return os.environ.get("TOPIC_PREFIX", contract.DEFAULT_TOPIC_PREFIX)


def servers() -> tuple[str, str]:
    """Kafka's address and the Postgres admin's URL. Raises CommandError where none is known."""
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or os.environ.get("KAFKA_BOOTSTRAP")
    admin = os.environ.get("BREWSAGA_POSTGRES_ADMIN_URL")
    state = read_state(Path(DEFAULT_DATA_FOLDER))
    if state is not None and state.ready:
        bootstrap, admin = bootstrap or state.bootstrap, admin or state.postgres_admin_url
    if not bootstrap or not admin:
        text = "no stack runs in this folder, and the environment names none"
        raise CommandError(
            text, "make up (or set KAFKA_BOOTSTRAP_SERVERS and BREWSAGA_POSTGRES_ADMIN_URL)"
        )
    return bootstrap, admin


def find() -> Backing:
    """Addresses for the services; makes databases and roles that are missing, but no tables."""
    bootstrap, admin = servers()
    return Backing(bootstrap, ensure_databases(admin, DATABASE_PREFIX), is_embedded(bootstrap))


def prepare_databases(
    admin_url: str, databases: str = DATABASE_PREFIX
) -> tuple[dict[str, str], list[str]]:
    """Databases, roles and schema, brought up to date; the URLs by service and what was applied."""
    urls = ensure_databases(admin_url, databases)
    return urls, migrate(admin_url, databases, SCHEMA_FOLDER)


def prepare(
    bootstrap: str, admin_url: str, prefix: str, databases: str = DATABASE_PREFIX
) -> Backing:
    """Everything that services need before they start.

    `prefix` stands before each topic, `databases` before each database and role.
    """
    urls, _ = prepare_databases(admin_url, databases)
    has_topics = ensure_topics(bootstrap, contract.all_topics(prefix), contract.PARTITIONS)
    return Backing(bootstrap, urls, embedded_kafka=not has_topics)
