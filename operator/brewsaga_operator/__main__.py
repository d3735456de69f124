"""Runs the operator: reads the settings, builds the parts, and lets kopf watch until SIGTERM.

`python -m brewsaga_operator leave` ends every experiment instead, before an uninstall.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx
import kopf
from pydantic import SecretStr, ValidationError

from brewsaga_operator import handlers, names
from brewsaga_operator.cluster import Cluster, log_in, open_cluster
from brewsaga_operator.course import Parts
from brewsaga_operator.crash import Crash
from brewsaga_operator.experiments import Experiments
from brewsaga_operator.handlers import kopf_settings
from brewsaga_operator.leaving import leave
from brewsaga_operator.order_api import OrderApi
from brewsaga_operator.sagas import Sagas
from brewsaga_operator.settings import OperatorSettings
from brewsaga_operator.sources import Sources
from brewsaga_operator.targets import InService, Partition, PodKill, Pods, Strikers
from brewsaga_operator.telling import Telling
from brewsaga_operator.watches import Generations, Watches
from sagakit.shell import logs
from sagakit.shell.health import HealthServer
from sagakit.shell.token_file import TokenFileError, read_token

WRONG_SETTING = 2
WATCH_AGAIN_SECONDS = 1.0

log = logging.getLogger(__name__)


async def run(settings: OperatorSettings) -> None:
    """Until kopf ends, which it does on SIGTERM and SIGINT."""
    token = read_token(settings.api_token_file)
    reaching = kopf_settings()
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(open_cluster(log_in(reaching)))
        # Proxies of the environment are not for the services of this project.
        http = httpx.AsyncClient(base_url=settings.order_url, timeout=5.0, trust_env=False)
        orders = OrderApi(await stack.enter_async_context(http), token)
        telling = Telling()
        crash = Crash(settings.crash_at)
        sagas = Sagas(cluster, orders, telling, crash)
        others = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        sources = Sources(others, settings.audit_url, settings.prometheus_url)
        strikers = _strikers(cluster, settings, others, token)
        parts = Parts(
            cluster,
            orders,
            sources,
            strikers,
            settings.rails(),
            telling,
            crash,
            settings.watch_namespaces,
        )
        experiments = Experiments(parts)
        watches = [
            Watches(_listing(cluster, settings, names.SAGAS), sagas.generations),
            Watches(_listing(cluster, settings, names.EXPERIMENTS), experiments.generations),
        ]
        health = await _serve_health(settings, telling, watches)
        stack.callback(health.close)
        working = [sagas.run(), *(one.run() for one in watches)]
        tasks = [asyncio.create_task(one) for one in working]
        watching = asyncio.create_task(_watch(settings, reaching, sagas, experiments))
        done, _ = await asyncio.wait([watching, *tasks], return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(watching, *tasks, return_exceptions=True)
        for task in done:
            task.result()


async def _watch(
    settings: OperatorSettings,
    reaching: kopf.OperatorSettings,
    sagas: Sagas,
    experiments: Experiments,
) -> None:
    """Kopf ends at SIGTERM; it also ends where a list or a watch is answered with 410 or the like,
    and is then begun anew: it lists everything again, and nothing was kept in it.
    """
    while True:
        try:
            await kopf.operator(
                registry=handlers.registry_of(sagas, experiments),
                settings=reaching,
                standalone=True,
                clusterwide=not settings.watch_namespaces,
                namespaces=settings.watch_namespaces,
            )
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is watched again
            log.warning("the watch has ended: %s; watching again", error)
        await asyncio.sleep(WATCH_AGAIN_SECONDS)


def _strikers(
    cluster: Cluster, settings: OperatorSettings, http: httpx.AsyncClient, token: SecretStr | None
) -> Strikers:
    pods = Pods(cluster, settings.target_namespace)
    in_service = InService(http, token, pods, settings.fault_port, settings.service_urls)
    return Strikers(
        in_service,
        PodKill(pods),
        PodKill(pods, settings.broker_selector),
        PodKill(pods, settings.database_selector),
        Partition(pods, in_service),
    )


def _listing(cluster: Cluster, settings: OperatorSettings, plural: str) -> Any:
    async def listed() -> Generations:
        found = await cluster.list_all(plural, settings.watch_namespaces)
        return {one["metadata"]["uid"]: one["metadata"]["generation"] for one in found}

    return listed


async def _serve_health(
    settings: OperatorSettings, telling: Telling, watches: list[Watches]
) -> asyncio.Server:
    async def live() -> dict[str, bool]:
        return {"loop": True, "watches": all(one.alive for one in watches)}

    server = HealthServer(telling.registry, live, live, live)
    started = await server.start(settings.http_host, settings.metrics_port)
    log.info("health and metrics on port %d", server.port)
    return started


async def leave_all(settings: OperatorSettings) -> None:
    """End every experiment; what has not ended is named."""
    async with open_cluster(log_in(kopf_settings())) as cluster:
        left = await leave(cluster, settings.watch_namespaces)
    log.warning("not ended: %s", ", ".join(left)) if left else log.info(
        "every experiment has ended"
    )


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM, or leave; a wrong setting ends it in one line."""
    try:
        settings = OperatorSettings()
        logs.configure("operator", settings.log_format, settings.log_level)
        logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # a line for each event heard
        # Else kopf asks for the name of the user, and a container's need not have one.
        os.environ.setdefault("POD_ID", socket.gethostname())
        asyncio.run(leave_all(settings) if "leave" in arguments else run(settings))
    except (ValidationError, TokenFileError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(WRONG_SETTING)


if __name__ == "__main__":
    main(sys.argv[1:])
