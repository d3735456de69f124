"""Which Kafka and which databases the commands work on: those of the environment, else those of
`make up`.

Also makes them ready: databases, schema, topics. Knows the contract's names and no service.
"""

import os
from typing import Final
from urllib.parse import urlsplit

from brewsaga.api_client import ORDER_URL, api_urls
from brewsaga.errors import CommandError, Exit
from brewsaga.services_runner import SERVICES_FOLDER, Backing
from brewsaga.stack import ensure_databases, ensure_topics, is_embedded, migrate
from brewsaga.stack.config import data_folder
from brewsaga.stack.state import read_state
from saga import contract

DATABASE_PREFIX: Final = "brewsaga_"
ONE_TERMINAL_FOLDER: Final = "machine"
"""Where `brewsaga up` has its own stack, inside the folder of `make up`."""

OBSERVED_FOLDER: Final = "prometheus"
"""Where `brewsaga observe` keeps what it has seen, in the same folder."""

SCHEMA_FOLDER: Final = SERVICES_FOLDER.parent / "db"


def topic_prefix() -> str:
    """What stands before each topic here. Raises CommandError where no service would take it."""
    prefix = os.environ.get("TOPIC_PREFIX", contract.DEFAULT_TOPIC_PREFIX)
    if prefix and not prefix.endswith("-"):
        text = f"TOPIC_PREFIX is {prefix!r}; it must end in '-'"
        raise CommandError(text, f"export TOPIC_PREFIX={prefix}-", Exit.USAGE)
    return prefix


def api_ports() -> dict[str, int]:
    """Where the APIs listen: at the port of the address at which others look for them."""
    return {name: _port_of(url) for name, url in api_urls().items()}


def _port_of(url: str) -> int:
    try:
        port = urlsplit(url).port
    except ValueError:
        port = None
    if port is None:
        text = f"{url!r} names no port; ORDER_URL and its kin are such as {ORDER_URL}"
        raise CommandError(text, f"export ORDER_URL={ORDER_URL}", Exit.USAGE)
    return port


def servers() -> tuple[str, str]:
    """Kafka's address and the Postgres admin's URL. Raises CommandError where none is known."""
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or os.environ.get("KAFKA_BOOTSTRAP")
    admin = os.environ.get("BREWSAGA_POSTGRES_ADMIN_URL")
    for folder in (data_folder(), data_folder() / ONE_TERMINAL_FOLDER):
        state = read_state(folder)
        if state is not None and state.ready and state.alive():
            bootstrap, admin = bootstrap or state.bootstrap, admin or state.postgres_admin_url
    if not bootstrap or not admin:
        text = "no stack runs in this folder, and the environment names none"
        hint = "set KAFKA_BOOTSTRAP_SERVERS and BREWSAGA_POSTGRES_ADMIN_URL"
        raise CommandError(text, f"make up, or brewsaga up (or {hint})")
    return bootstrap, admin


def find() -> Backing:
    """Addresses for the services; makes databases and roles that are missing, but no tables."""
    bootstrap, admin = servers()
    urls = ensure_databases(admin, DATABASE_PREFIX, contract.DATABASES)
    return Backing(bootstrap, urls, is_embedded(bootstrap))


def prepare_databases(
    admin_url: str, databases: str = DATABASE_PREFIX
) -> tuple[dict[str, str], list[str]]:
    """Databases, roles and schema, brought up to date; the URLs by service and what was applied."""
    urls = ensure_databases(admin_url, databases, contract.DATABASES)
    return urls, migrate(admin_url, databases, SCHEMA_FOLDER, contract.DATABASES)


def prepare(
    bootstrap: str, admin_url: str, prefix: str, databases: str = DATABASE_PREFIX
) -> Backing:
    """Everything that services need before they start.

    `prefix` stands before each topic, `databases` before each database and role.
    """
    urls, _ = prepare_databases(admin_url, databases)
    has_topics = ensure_topics(bootstrap, contract.all_topics(prefix), contract.PARTITIONS)
    return Backing(bootstrap, urls, embedded_kafka=not has_topics)
