"""Runs a service: starts its loops, API and tasks, and stops them in order on SIGTERM.

A service's `__main__` builds a `ServiceSpec` and calls `serve`. Tests and command lines that only
say things use `open_runtime`, which has no consumer.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import uvicorn
import uvloop
from fastapi import FastAPI
from pydantic import SecretStr

from sagakit.shell import crash_points, database, faults_api, logs, workers
from sagakit.shell.api import create_api
from sagakit.shell.faults import Switchboard
from sagakit.shell.gauges import Collector, GaugeSource
from sagakit.shell.health import HealthServer
from sagakit.shell.loop import Worker
from sagakit.shell.metrics import NAMESPACE, Declaration, Metrics, known_of_loop
from sagakit.shell.opening import StoppedEarly, open_pool, unless
from sagakit.shell.ports import Due, Handler
from sagakit.shell.pruning import Prunable, Pruner
from sagakit.shell.resay import Resayer
from sagakit.shell.runtime import Runtime
from sagakit.shell.settings import KitSettings, Misconfigured, Settings, masked, read, told
from sagakit.shell.sweeper import Sweeper
from sagakit.shell.token_file import TokenFileError, read_token
from sagakit.shell.tracing import tracing

FLUSH_SECONDS: Final = 5.0
STOP_SECONDS: Final = 20.0
"""How long an orderly stop may take; Kubernetes waits 30 by default."""
RESTART_SECONDS: Final = 1.0
GARBAGE_THRESHOLD: Final = 100_000
"""Objects that a batch holds at once set the collector off again and again: at Python's own 700 it
took a sixth of a busy process, and found nothing, since batches make no cycles."""
WRONG_SETTING: Final = 2
"""The exit code of a service that cannot start as it is set."""

Task = Callable[[Runtime], Awaitable[None]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is made of: one handler a mode, what it says again, its API and its own tasks.

    `app` builds the API, given the token that changing requests must carry (None: none is asked
    for). A background task that fails is logged and started again; one that returns is done.
    """

    handlers: Sequence[Handler[Any]] = ()
    dues: Sequence[Due] = ()
    app: Callable[[SecretStr | None], FastAPI] | None = None
    ready_without_groups: bool = False
    """Whether its API is of use while it hears nothing: orders are accepted without Kafka."""
    background: Sequence[Task] = ()
    gauges: Sequence[GaugeSource] = ()
    prunables: Sequence[Prunable] = ()


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service, as its `__main__` describes it. `build` gets the runtime and makes the parts."""

    service: str
    settings: KitSettings
    build: Callable[[Runtime], Parts]
    metrics: Sequence[Declaration] = ()


@dataclass(slots=True)
class Running:
    """A service that runs: where it listens, for tests and for whoever prints it."""

    runtime: Runtime
    parts: Parts
    workers: list[Worker[Any]]
    http_port: int | None = None
    health: HealthServer | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


def serve(kind: type[Settings], describe: Callable[[Settings], ServiceSpec]) -> None:
    """The entry of a service's process.

    The settings, logging, then run until SIGTERM or SIGINT. What cannot be served as it was told
    ends the process with a line that says why, and no trace.
    """
    try:
        spec = describe(read(kind))
        logs.configure(spec.service, spec.settings.log_format, spec.settings.log_level)
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)
        with contextlib.suppress(StoppedEarly):
            uvloop.run(run_service(spec))
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(WRONG_SETTING)
    except TokenFileError as error:
        log.critical("%s", error)
        sys.exit(WRONG_SETTING)


@asynccontextmanager
async def open_runtime(
    spec: ServiceSpec, stop: asyncio.Event | None = None
) -> AsyncIterator[Runtime]:
    """Pool and producer without a consumer; what is published is flushed at the end.

    Waits for the database, and for its schema where one is asked for. Raises StoppedEarly where
    `stop` is set meanwhile: the first process of a container hears only signals that it asks for.
    """
    settings = spec.settings
    crash_points.arm(settings.crash_at)
    log.info("started with %s", told(settings), extra={"fields": {"settings": masked(settings)}})
    pool = await unless(stop, open_pool(spec.service, settings))
    switchboard = Switchboard()
    metrics, labels = Metrics(spec.metrics), (spec.service,)
    traced = tracing(spec.service, settings)
    publisher = traced.publisher(
        settings,
        f"/{settings.topic_prefix}{spec.service}",
        copies=switchboard.copies,
        delayed=lambda seconds: metrics.observe("outbox_delay_seconds", labels, seconds),
    )
    runtime = Runtime(spec.service, settings, pool, publisher, metrics, switchboard, traced)
    publisher.start()
    try:
        yield runtime
    finally:
        await publisher.stop(FLUSH_SECONDS)
        await traced.stop()
        with contextlib.suppress(Exception):
            await runtime.settle()
        try:
            await asyncio.wait_for(pool.close(), FLUSH_SECONDS)
        except TimeoutError:
            pool.terminate()


async def run_service(
    spec: ServiceSpec,
    stop: asyncio.Event | None = None,
    started: Callable[[Running], None] | None = None,
) -> None:
    """Run until `stop` is set (by default: SIGTERM or SIGINT).

    Raises what a loop cannot survive, and TokenFileError before anything is opened.
    """
    token = read_token(spec.settings.api_token_file)
    stop = stop or _stop_on_signals()
    async with open_runtime(spec, stop) as runtime:
        parts = spec.build(runtime)
        running = Running(runtime, parts, _workers(runtime, parts))
        _begin_metrics(running)
        runtime.switchboard.cutters.append(lambda: _cut(running))
        async with _health(running), _http(running, token):
            loops = [asyncio.create_task(one.run()) for one in running.workers]
            running.tasks = [asyncio.create_task(one) for one in _tasks(running)]
            if started is not None:
                started(running)
            stopped = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait([stopped, *loops], return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
                log.info("stopping")
                await _wind_down(running, loops)
    for loop in loops:
        if not loop.cancelled() and (error := loop.exception()) is not None:
            raise error


def _cut(running: Running) -> None:
    """A fault takes the network away: the pool gives no connection again that is open now."""
    running.runtime.publisher.cut()
    for worker in running.workers:
        worker.cut()
    expiring = asyncio.ensure_future(running.runtime.pool.expire_connections())
    running.tasks.append(expiring)


def _begin_metrics(running: Running) -> None:
    """What this process can count starts at 0, and it says what it is."""
    service, metrics = running.runtime.service, running.runtime.metrics
    settings = running.runtime.settings
    metrics.observe("build_info", (service, _built(settings), settings.build_revision), 1.0)
    metrics.begin(
        {name: [(service,)] for name in ("outbox_published_total", "outbox_delay_seconds")}
    )
    for handler in running.parts.handlers:
        metrics.begin(known_of_loop(service, handler.mode, handler.topics))
    if running.parts.gauges:
        metrics.begin({"store_collect_errors_total": [(service,)]})


def _built(settings: KitSettings) -> str:
    """An image says its version in its environment; elsewhere the installed package knows it."""
    try:
        return settings.build_version or version(NAMESPACE)
    except PackageNotFoundError:
        return "unknown"


def _stop_on_signals() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _workers(runtime: Runtime, parts: Parts) -> list[Worker[Any]]:
    """Members of the same group share its partitions: while one waits for the database another
    decides.
    """
    members = range(runtime.settings.consumers_per_mode)
    crews = [(runtime.tracing.handler(one), workers.Crew()) for one in parts.handlers]
    return [Worker(one, runtime, crew) for one, crew in crews for _ in members]


async def _wind_down(running: Running, loops: Sequence[asyncio.Task[None]]) -> None:
    """No new work; then the batch in hand, offsets, what is in flight; last the workers' rows."""
    for task in running.tasks:
        task.cancel()
    await asyncio.gather(*running.tasks, return_exceptions=True)
    await asyncio.gather(*(one.stop() for one in running.workers), return_exceptions=True)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    await running.runtime.publisher.flush(FLUSH_SECONDS)
    for worker in running.workers:
        try:
            await asyncio.wait_for(worker.leave(), FLUSH_SECONDS)
        except Exception as error:  # noqa: BLE001 - nothing that fails here may keep the process
            log.warning("the worker's row stays (%r): the next start is a careful one", error)


def _tasks(running: Running) -> list[Any]:
    runtime, parts = running.runtime, running.parts
    sweeper = Sweeper(runtime)
    tasks = [sweeper.run(), sweeper.settle(), Pruner(runtime, parts.prunables).run()]
    if parts.dues:
        tasks.append(Resayer(runtime, parts.dues).run())
    if parts.gauges:
        tasks.append(Collector(runtime, parts.gauges).run())
    if running.workers:
        tasks.append(_say_seen(running.workers))
    return [*tasks, *(_supervise(task, runtime) for task in parts.background)]


async def _say_seen(members: Sequence[Worker[Any]]) -> None:
    while True:
        await asyncio.sleep(workers.SEEN_EVERY_SECONDS)
        for member in members:
            with contextlib.suppress(Exception):
                await member.seen()


async def _supervise(task: Task, runtime: Runtime) -> None:
    while True:
        try:
            return await task(runtime)
        except Exception:
            log.exception("a background task failed; starting it again")
        await asyncio.sleep(RESTART_SECONDS)


# ---------------------------------------------------------------- what listens


def _cannot_listen(variable: str, host: str, port: int, error: OSError) -> Misconfigured:
    return Misconfigured(
        f"{variable}: cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}"
    )


@asynccontextmanager
async def _health(running: Running) -> AsyncIterator[None]:
    """Groups do not count for the readiness of a service whose API is of use without them."""
    runtime = running.runtime

    async def live() -> dict[str, bool]:
        return {"loop": True, "consumers": all(one.consumer.alive for one in _started(running))}

    async def started() -> dict[str, bool]:
        return {
            "database": await database.answers(runtime.pool),
            "groups": all(one.consumer.joined for one in running.workers),
            "producer": runtime.healthy(),
        }

    async def ready() -> dict[str, bool]:
        if running.parts.ready_without_groups:
            return {"database": await database.answers(runtime.pool)}
        found = await started()
        return {"database": found["database"], "groups": found["groups"]}

    health = running.health = HealthServer(runtime.metrics.registry, live, ready, started)
    host, port = runtime.settings.http_host, runtime.settings.metrics_port
    try:
        server = await health.start(host, port)
    except OSError as error:
        raise _cannot_listen("METRICS_PORT", host, port, error) from error
    log.info("health and metrics on port %d", health.port)
    try:
        yield
    finally:
        server.close()


def _started(running: Running) -> list[Worker[Any]]:
    return [one for one in running.workers if one.consumer.started]


class _Server(uvicorn.Server):
    """Signals are ours: the loops stop in order, and the API with them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Leave them alone."""
        yield


def _api(running: Running, token: SecretStr | None) -> FastAPI | None:
    """The service's own API, and `/faults` beside it where chaos is allowed."""
    runtime, build = running.runtime, running.parts.app
    app = build(token) if build is not None else None
    if runtime.settings.chaos_enabled:
        app = app or create_api(f"BrewSaga {runtime.service}", token)
        app.include_router(faults_api.routes(runtime.switchboard))
    return app


@asynccontextmanager
async def _http(running: Running, token: SecretStr | None) -> AsyncIterator[None]:
    app = _api(running, token)
    if app is None:
        yield
        return
    settings = running.runtime.settings
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.http_host, settings.http_port))
    except OSError as error:
        listening.close()
        raise _cannot_listen("HTTP_PORT", settings.http_host, settings.http_port, error) from error
    running.http_port = listening.getsockname()[1]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=3,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    deadline = time.monotonic() + STOP_SECONDS
    # uvicorn tells of its start by a flag alone.
    while not (server.started or serving.done()) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    if serving.done():
        serving.result()
    log.info("API on port %d", running.http_port)
    try:
        yield
    finally:
        server.should_exit = True
        with contextlib.suppress(Exception):
            await asyncio.wait_for(serving, STOP_SECONDS)
