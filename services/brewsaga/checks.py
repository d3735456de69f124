"""The commands that judge: the audit, and what can be reached.

Knows addresses, and nothing of how a service works.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Final

import httpx

from brewsaga import backing, in_cluster
from brewsaga.audit import audit as judge_all
from brewsaga.errors import CommandError, Exit
from brewsaga.stack.config import StackError
from brewsaga.stack.topics import broker_count
from saga import contract

REACH_SECONDS: Final = 3.0


def audit(databases: Sequence[str], bootstrap: str, prefix: str) -> Exit:
    """Print the report; 4 where a promise is broken, 5 where sagas are still open."""
    if databases:
        urls = dict(_read_database(text) for text in databases)
        address = bootstrap or None
    else:
        found = backing.find()
        urls, address = dict(found.database_urls), bootstrap or found.bootstrap
    return _judge(urls, address, prefix)


def audit_in_cluster(databases: str, prefix: str) -> Exit:
    """The same where addresses and passwords are files."""
    return _judge(in_cluster.urls_in(databases), in_cluster.kafka_access(), prefix)


def _judge(urls: Mapping[str, str], kafka: str | Mapping[str, object] | None, prefix: str) -> Exit:
    try:
        report = asyncio.run(judge_all(urls, kafka, prefix))
    except (OSError, TimeoutError) as error:
        raise CommandError(f"cannot read everything: {error}", "brewsaga doctor") from error
    print("\n".join(report.text()))
    if report.violations:
        return Exit.NEEDS_A_PERSON
    return Exit.COMPLETED if report.quiet else Exit.TIMED_OUT


def _read_database(text: str) -> tuple[str, str]:
    service, separator, url = text.partition("=")
    if not separator or service not in contract.DATABASES:
        what = f"--database is SERVICE=URL with a service of {', '.join(contract.DATABASES)}"
        raise CommandError(what, "brewsaga audit --help", Exit.USAGE)
    return service, url


def doctor(order_url: str) -> Exit:
    """One line a part: reached or not, and what to do."""
    try:
        bootstrap, admin = backing.servers()
    except CommandError as error:
        print(f"x  stack: {error}; next: {error.next_step}")
        return Exit.ERROR
    found = [
        _line("Kafka", bootstrap, broker_count(bootstrap) > 0, "make up"),
        _line("Postgres", admin.rpartition("@")[2], _databases_answer(), "make up && make db-init"),
        _line("order", order_url, _answers(f"{order_url}/sagas?limit=1"), "make run-order-choreo"),
    ]
    return Exit.COMPLETED if all(found) else Exit.ERROR


def _line(name: str, address: str, reached: bool, hint: str) -> bool:
    print(
        f"{'ok' if reached else 'x '} {name} at {address}" + ("" if reached else f"; next: {hint}")
    )
    return reached


def _databases_answer() -> bool:
    try:
        backing.find()
    except (OSError, StackError):
        return False
    return True


def _answers(url: str) -> bool:
    try:
        response = httpx.get(url, timeout=REACH_SECONDS, trust_env=False)
    except (httpx.TransportError, socket.gaierror):
        return False
    return response.is_success
