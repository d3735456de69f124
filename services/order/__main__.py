"""Runs the order service, or places orders and leaves: `python -m order [place …]`. Reads settings
and builds the parts.
"""

import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from order import counting, store_reads
from order.api import Doors, create_app
from order.batches import Batches
from order.canary import Canary, never
from order.due import OpenOrders
from order.follower import Follower
from order.handler import Timeline
from order.orchestrator_client import OrchestratorClient
from order.parked import ParkedOrders
from order.placing import Placing
from order.ports import Limits, utc_now
from order.repair import Cancel, Resend
from order.settings import OrderSettings
from order.store_audit import PROMISES
from order.store_orders import NewOrder
from order.store_retention import EndedOrders
from saga import metrics
from saga.contract import Mode
from sagakit.core.repair import Verb
from sagakit.shell import repair_api
from sagakit.shell.gauges import Readings
from sagakit.shell.live_audit import LiveAudit
from sagakit.shell.ports import Connection
from sagakit.shell.redrive import Redrive
from sagakit.shell.repairs import Remedy, Repairs
from sagakit.shell.run import Parts, ServiceSpec, serve
from sagakit.shell.runtime import Runtime


def limits_of(settings: OrderSettings) -> Limits:
    """The settings that the parts share."""
    return Limits(
        settings.modes,
        settings.max_in_flight,
        settings.resay_after_seconds,
        settings.resay_max_seconds,
    )


def describe(settings: OrderSettings) -> ServiceSpec:
    """The service as the kit runs it: API, timeline, what is said again, batches, follower."""
    return ServiceSpec(
        "order", settings, partial(_build, settings), metrics.of("order", counting.KNOWN)
    )


def _build(settings: OrderSettings, runtime: Runtime) -> Parts:
    limits = limits_of(settings)
    # Proxies of the environment are not for the services of this project.
    http = httpx.AsyncClient(base_url=settings.orchestrator_url, trust_env=False)
    client = OrchestratorClient(http)
    count = runtime.metrics.observe_all
    follower = Follower(runtime.pool, client, ended=lambda ends: count(counting.told(ends)))

    def placed(orders: Sequence[NewOrder]) -> None:
        follower.placed(orders)
        count(counting.placed(orders))

    placing = Placing(runtime, limits, clock=utc_now, placed=placed)
    batches = Batches(runtime, placing, limits, utc_now)
    doors = Doors(
        runtime,
        placing,
        batches,
        client,
        utc_now,
        stuck_after_seconds=settings.stuck_after_seconds,
        faults_enabled=settings.faults_enabled,
    )
    timeline = Timeline(
        resay_after_seconds=limits.resay_after_seconds,
        utc_now=utc_now,
        print_line=_print_line if settings.print_timeline else None,
    )

    owing = {"payment": settings.payment_url, "inventory": settings.inventory_url}
    background = [in_background(batches.run), in_background(doors.live.run)]
    if Mode.ORCH in limits.modes:
        background.append(in_background(follower.run))
    if Mode.CHOREO in limits.modes:
        background.append(in_background(ParkedOrders(runtime.pool, http, owing).run))
    if settings.canary_every_seconds:
        runtime.metrics.begin({metrics.CANARY_LAST_END: never(limits.modes)})
        canary = Canary(runtime, placing, limits.modes, settings.canary_every_seconds)
        background.append(in_background(partial(canary.run, count)))
    remedies: dict[Verb, Remedy] = {
        Verb.REDRIVE: Redrive([timeline], runtime.metrics),
        Verb.CANCEL: Cancel(limits),
        Verb.RESEND: Resend(),
    }

    audit = LiveAudit(PROMISES, metrics.INVARIANTS_BROKEN, metrics.SAGAS_AUDITED, runtime)

    def app(token: SecretStr | None) -> FastAPI:
        api = create_app(doors, token)
        repair_api.add_routes(api, runtime, Repairs(runtime, remedies), None)
        return api

    return Parts(
        handlers=[timeline] if Mode.CHOREO in limits.modes else [],
        dues=[OpenOrders(limits)],
        app=app,
        ready_without_groups=True,
        background=background,
        gauges=[InFlight(), audit],
        prunables=[EndedOrders()],
    )


def in_background(run: Callable[[], Awaitable[None]]) -> Callable[[Runtime], Awaitable[None]]:
    """What works beside the handlers until it is cancelled, as the kit starts it."""

    async def start(_runtime: Runtime) -> None:
        await run()

    return start


class InFlight:
    """`GaugeSource` of open choreographed orders."""

    async def read(self, connection: Connection) -> Readings:
        """By step."""
        return counting.in_flight(await store_reads.in_flight(connection))


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM, or place and leave. Returns the exit code."""
    if arguments and arguments[0] == "place":
        # Imported here: a service that runs has no use for the command line.
        from order import place  # noqa: PLC0415

        return place.main(arguments[1:], describe, limits_of)
    serve(OrderSettings, describe)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
