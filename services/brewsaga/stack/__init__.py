"""The stack for one machine: a real Kafka and a real Postgres, without a container.

It must know nothing of sagas: topics, services and schemas come in as arguments.
"""

from brewsaga.stack.config import KafkaChoice, StackConfig, StackError, cache_dir
from brewsaga.stack.databases import (
    Login,
    drop_databases,
    ensure_databases,
    ensure_logins,
    migrate,
    migrate_logins,
)
from brewsaga.stack.stack import Stack, announced, running
from brewsaga.stack.topics import ensure_topics, forget_topics, is_embedded

__all__ = [
    "KafkaChoice",
    "Login",
    "Stack",
    "StackConfig",
    "StackError",
    "announced",
    "cache_dir",
    "drop_databases",
    "ensure_databases",
    "ensure_logins",
    "ensure_topics",
    "forget_topics",
    "is_embedded",
    "migrate",
    "migrate_logins",
    "running",
]
