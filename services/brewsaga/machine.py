"""Everything on one machine: the stack, the services, and the commands of the lecture's
terminals.

Starts and stops; knows neither sagas nor messages.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from brewsaga import backing, targets
from brewsaga.errors import CommandError, Exit
from brewsaga.services_runner import Backing, Places, environment, services_running
from brewsaga.stack import StackConfig, announced, ensure_topics, running
from brewsaga.stack.config import data_folder
from brewsaga.stack.ports import free_ports, is_free
from brewsaga.stack.state import read_state
from saga import contract

LOG_FOLDER: Final = "logs"
PASSED_ON: Final = ("API_TOKEN_FILE", "CHAOS_ENABLED")
"""What a terminal's environment says to every service that `up` starts."""


def tell(text: str) -> None:
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end a command as Ctrl-C does: all it started is stopped.

    Unless it was told to ignore them, as `nohup` does. A shell starts what it puts into the
    background with SIGINT ignored; here it counts all the same.
    """
    before = {sign: signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGHUP)}
    heard = [sign for sign, handler in before.items() if handler is not signal.SIG_IGN]
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    for sign in heard:
        signal.signal(sign, _as_ctrl_c)
    try:
        yield
    finally:
        for sign in heard:
            signal.signal(sign, before[sign])
        signal.signal(signal.SIGINT, interrupt)


def _as_ctrl_c(_number: int, frame: FrameType | None) -> None:
    """Whatever Ctrl-C does now: an event loop that runs has a gentler way than an exception."""
    handler = signal.getsignal(signal.SIGINT)
    react = handler if callable(handler) else signal.default_int_handler
    react(signal.SIGINT, frame)


def up(mode: str) -> Exit:
    """Stack and services until Ctrl-C; the stack of `make up` is used where it runs."""
    with stopped_by_signals():
        state = read_state(data_folder())
        if state is not None and state.complete():
            tell(state.description)
            return _serve(state.bootstrap, state.postgres_admin_url, mode)
        folder = data_folder() / backing.ONE_TERMINAL_FOLDER
        with running(StackConfig.from_environment(folder)) as stack, announced(stack):
            tell(stack.describe())
            return _serve(stack.kafka.bootstrap, stack.postgres.admin_url, mode)


def _serve(bootstrap: str, admin_url: str, mode: str) -> Exit:
    prefix = backing.topic_prefix()
    ready = backing.prepare(bootstrap, admin_url, prefix)
    extra = {"MODE": mode, "TOPIC_PREFIX": prefix}
    extra |= {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
    try:
        asyncio.run(_serve_until_stopped(ready, extra))
    except KeyboardInterrupt:
        tell("stopped")
    return Exit.COMPLETED


async def _serve_until_stopped(ready: Backing, extra: dict[str, str]) -> None:
    logs = data_folder() / LOG_FOLDER
    async with services_running(ready, logs, extra, backing.api_ports()) as places:
        ports = {name: place.metrics_port for name, place in places.items()}
        with targets.told(data_folder(), backing.ONE_TERMINAL_FOLDER, ports):
            print(addresses(places), flush=True)
            tell(f"logs: {logs}; Ctrl-C stops everything; next: brewsaga place --mode both --wait")
            await asyncio.Event().wait()


def addresses(places: dict[str, Places]) -> str:
    """Where the services listen, as lines a shell can evaluate."""
    return "\n".join(f"export {name.upper()}_URL={place.url}" for name, place in places.items())


def become_service(service: str, mode: str, arguments: Sequence[str]) -> None:
    """Replace this process by one service with the stack's addresses; the environment passes
    through.
    """
    if service not in contract.DATABASES:
        text = f"service is {service!r}; it must be one of {', '.join(contract.DATABASES)}"
        raise CommandError(text, "brewsaga run order", Exit.USAGE)
    backing.topic_prefix()
    found = backing.find()
    places = {name: Places(port, 0) for name, port in backing.api_ports().items()}
    if service in contract.PARTICIPANTS and not is_free(places[service].http_port):
        # In its other mode it runs in another terminal: either one serves the verbs of both.
        places[service] = Places(0, 0)
    given = environment(service, found, places, {"MODE": mode, "LOG_FORMAT": "text"})
    given["PRINT_TIMELINE" if service == "order" else "PRINT_SAID"] = "true"
    if not arguments:
        given["METRICS_PORT"] = _announced_port(service, mode)
    own = {"PYTHONPATH", "DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "MODE"}
    passed = {name: value for name, value in os.environ.items() if name not in own}
    command = [sys.executable, "-m", service, *arguments]
    os.execve(sys.executable, command, given | passed)  # noqa: S606 - our own interpreter


def _announced_port(service: str, mode: str) -> str:
    """Where this terminal's metrics will be; said before, since this process becomes the service.

    One that was chosen outside is said as it is.
    """
    port = os.environ.get("METRICS_PORT") or str(free_ports(1)[0])
    if port.isdecimal():
        targets.write(data_folder(), f"{service}-{mode}", {service: int(port)})
    return port


def init_databases() -> Exit:
    """Make the databases, roles and tables; safe to repeat."""
    _, admin = backing.servers()
    _, applied = backing.prepare_databases(admin)
    print("\n".join(applied) or "the databases are up to date")
    return Exit.COMPLETED


def create_topics() -> Exit:
    """Make every topic of both modes; on the embedded broker it says what that cannot."""
    bootstrap, _ = backing.servers()
    names = contract.all_topics(backing.topic_prefix())
    as_asked = ensure_topics(bootstrap, names, contract.PARTITIONS)
    print("\n".join(names))
    if not as_asked:
        tell("the embedded broker has no CreateTopics: it made them with partitions as it likes")
    return Exit.COMPLETED
