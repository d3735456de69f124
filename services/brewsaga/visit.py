"""A stay on a stack, for the demonstration and the benchmark: made for it, and gone with it.

A stack that is started for the stay is thrown away as a whole. Servers of someone else, which the
environment names, are left as they were found: databases, roles, topics and consumer groups have
names that nobody else has, and are removed. Knows the contract's names and no service.
"""

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from brewsaga import backing
from brewsaga.machine import stopped_by_signals, tell
from brewsaga.services_runner import Backing
from brewsaga.stack import Stack, StackConfig, drop_databases, forget_topics, running
from brewsaga.stack.config import data_folder, made
from saga import contract


@dataclass(frozen=True, slots=True)
class Visit:
    """What there is for the length of the stay. `topic_prefix` ends in a dash."""

    stack: Stack
    backing: Backing
    folder: Path
    topic_prefix: str


@contextmanager
def visit(purpose: str, *, keep: bool = False) -> Iterator[Visit]:
    """Start or find Kafka and Postgres, make all that services need there, and leave no trace.

    Says on stdout what runs. SIGTERM and a closed terminal end the stay as Ctrl-C does.
    """
    chosen = StackConfig.from_environment()  # first: a wrong choice leaves no folder
    parent = made(data_folder(), "go to a folder that is yours")
    folder = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=parent)).resolve()
    config = replace(chosen, data_dir=folder)
    drawn = secrets.token_hex(4)
    prefix, databases = f"{purpose}-{drawn}-", f"{purpose}_{drawn}_"
    with stopped_by_signals(), running(config, keep=keep) as stack:
        print(stack.describe(), flush=True)
        if config.external_bootstrap or config.external_postgres_admin_url:
            tell(f"what is made there is called {prefix}* and {databases}*, and removed at the end")
        try:
            bootstrap, admin = stack.kafka.bootstrap, stack.postgres.admin_url
            ready = backing.prepare(bootstrap, admin, prefix, databases)
            yield Visit(stack, ready, folder, prefix)
        except KeyboardInterrupt:
            tell("stopping, and removing what was made …" if not keep else "stopping …")
            raise
        finally:
            if keep:
                tell(f"kept: {folder}, topics {prefix}*, databases {databases}*")
            else:
                _leave(config, prefix, databases)


def _leave(config: StackConfig, prefix: str, databases: str) -> None:
    """Remove what would outlive the stack; what cannot be is named, and hides no other error."""
    if config.external_bootstrap:
        topics, groups = contract.all_topics(prefix), contract.all_groups(prefix)
        _try(
            f"topics and groups {prefix}*", forget_topics, config.external_bootstrap, topics, groups
        )
    if config.external_postgres_admin_url:
        url = config.external_postgres_admin_url
        what = f"databases and roles {databases}*"
        _try(what, drop_databases, url, databases, contract.DATABASES)


def _try(what: str, remove: Callable[..., None], *arguments: object) -> None:
    try:
        remove(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is, the rest is removed all the same
        tell(f"cannot remove {what}: {error}")
